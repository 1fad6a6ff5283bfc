#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

/// glibc declares it with _GNU_SOURCE only. A function of libc, so that `Tests/faults` can stand in its way.
extern int renameat2(int, const char *, int, const char *, unsigned int);

/// prctl(2) takes a variable number of arguments, which Swift does not import.
static inline int steward_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/// renameat2(2) with RENAME_NOREPLACE: refused with EEXIST where `to` is there.
static inline int steward_rename_new(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 1u);
}

/// fcntl(2) with F_OFD_SETLK (37): the lock belongs to the open file, not to the process.
static inline int steward_lock_range(int descriptor, short type, long long offset) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
  return fcntl(descriptor, 37, &range);
}

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

/// glibc declares it with _GNU_SOURCE only. A function of libc, so that `Tests/faults` can stand in its way.
extern int renameat2(int, const char *, int, const char *, unsigned int);

/// memmem(3), which glibc declares with _GNU_SOURCE only.
extern void *memmem(const void *, unsigned long, const void *, unsigned long);
static inline int steward_contains(const void *text, unsigned long size, const void *word, unsigned long length) {
  return memmem(text, size, word, length) != 0;
}

/// Whether a file lies in memory and on no disk: TMPFS_MAGIC, RAMFS_MAGIC (statfs(2)).
static inline int steward_is_in_memory(const char *path) {
  struct statfs facts;
  return statfs(path, &facts) == 0 && (facts.f_type == 0x01021994 || facts.f_type == 0x858458f6);
}

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

/// glibc declares it with _GNU_SOURCE only.
extern int sync_file_range(int, long long, long long, unsigned int);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: begins to write the file out and does not wait. Makes nothing durable: a sync does, and
/// of many files it then takes little longer than of one.
static inline int steward_begin_writing(int descriptor) { return sync_file_range(descriptor, 0, 0, 2); }

/* A disk and a clock that fail on demand, between a program and libc (LD_PRELOAD).
 *
 * It sees every operation that changes a file below FAULTS_ROOTS (colon-separated, absolute), in one order, writes each to the log
 * FAULTS_LOG with what was written, and fails the one that the control page FAULTS_CONTROL names. Files elsewhere and sockets are
 * left alone. The log is what Tests/faults/disk.py makes a disk from: what was synced stays, what was not may be lost.
 *
 * The control page is shared with the driver, which may change it while the program runs (struct control below).
 * Nothing is ever really synced: a sync is a line in the log. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum mode { NONE = 0, EIO_ = 1, ENOSPC_ = 2, TORN = 3, LOST = 4 };

struct control {
  uint64_t count;      /* operations so far whose path contains `match` */
  uint64_t fail_at;    /* number of the operation that fails, from 1; 0: none */
  uint32_t mode;       /* enum mode */
  uint32_t fired;      /* 1 once it failed */
  int64_t clock;       /* seconds added to the real time */
  uint32_t full;       /* 1: whatever would grow a file fails with ENOSPC */
  uint32_t fired_op;   /* letter of the operation that failed */
  uint32_t again;      /* syncs of a file or directory after one of it failed: what was lost would be taken for durable */
  uint32_t reserved;
  char match[176];     /* only paths that contain this are counted and failed */
};

#define DESCRIPTORS 65536
static char *paths[DESCRIPTORS];       /* of descriptors below the roots */
static unsigned char doomed[DESCRIPTORS]; /* the next sync of it fails: a write to it was lost */
static char roots[8][4096];
static int root_count;
static struct control *control;
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;


__attribute__((constructor)) static void begin(void) {
  const char *list = getenv("FAULTS_ROOTS"), *place = getenv("FAULTS_CONTROL"), *log = getenv("FAULTS_LOG");
  if (!list || !place || !log) return;
  char copy[8 * 4096];
  snprintf(copy, sizeof copy, "%s", list);
  for (char *part = strtok(copy, ":"); part && root_count < 8; part = strtok(NULL, ":"))
    snprintf(roots[root_count++], 4096, "%s", part);
  int descriptor = syscall(SYS_openat, AT_FDCWD, place, O_RDWR | O_CLOEXEC, 0);
  if (descriptor < 0) { perror(place); abort(); }
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (control == MAP_FAILED) { perror(place); abort(); }
  syscall(SYS_close, descriptor);
  log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) { perror(log); abort(); }
}

static int below_roots(const char *path) {
  if (!control || !path) return 0;
  for (int i = 0; i < root_count; i++) {
    size_t length = strlen(roots[i]);
    if (!strncmp(path, roots[i], length) && (path[length] == '/' || path[length] == 0)) return 1;
  }
  return 0;
}

static const char *path_of(int fd) { return fd >= 0 && fd < DESCRIPTORS ? paths[fd] : NULL; }

static void remember(int fd, const char *path) {
  if (fd < 0 || fd >= DESCRIPTORS) return;
  free(paths[fd]);
  doomed[fd] = 0;
  paths[fd] = below_roots(path) ? strdup(path) : NULL;
}

/* Called with the lock held. Counts the operation and says how it must fail, or NONE. */
static enum mode next(char op, const char *path, int grows) {
  if (control->match[0] && !strstr(path, control->match)) return NONE;
  uint64_t number = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
  enum mode mode = NONE;
  if (control->fail_at && number == control->fail_at) mode = control->mode;
  else if (control->full && grows) mode = ENOSPC_;
  if (mode) { control->fired_op = (uint32_t)op; __atomic_store_n(&control->fired, 1, __ATOMIC_SEQ_CST); }
  return mode;
}

/* Called with the lock held. op, whether it failed, path, offset, bytes. */
static void note(char op, int failed, const char *path, uint64_t offset, const void *bytes, uint32_t length) {
  struct __attribute__((packed)) { uint64_t number; char op; uint8_t failed; uint16_t path; uint64_t offset; uint32_t length; } head =
    { control->count, op, (uint8_t)failed, (uint16_t)strlen(path), offset, bytes ? length : 0 };
  struct iovec parts[3] = { { &head, sizeof head }, { (void *)path, head.path }, { (void *)bytes, head.length } };
  syscall(SYS_writev, log_fd, parts, bytes ? 3 : 2);
}

/* What a sync failed for, by path: of the very file or directory, not of another that takes its name later. Called with the lock held. */
#define FAILURES 64
static char *failures[FAILURES];

static int has_failed(const char *path) {
  for (int i = 0; i < FAILURES; i++) if (failures[i] && !strcmp(failures[i], path)) return 1;
  return 0;
}

static void remember_failure(const char *path) {
  for (int i = 0; i < FAILURES && !has_failed(path); i++) if (!failures[i]) failures[i] = strdup(path);
}

static void forget_failure(const char *path) {
  for (int i = 0; i < FAILURES; i++)
    if (failures[i] && !strcmp(failures[i], path)) { free(failures[i]); failures[i] = NULL; }
}

static int number_of(enum mode mode) { return mode == ENOSPC_ ? ENOSPC : EIO; }

/* Opening. */

static int open_file(const char *path, int flags, mode_t mode) {
  if (!below_roots(path)) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && path_of(fd)) remember(fd, "");
    return fd;
  }
  struct stat status;
  int creates = (flags & O_CREAT) && stat(path, &status) != 0;
  pthread_mutex_lock(&lock);
  if (creates) {
    enum mode fault = next('C', path, 1);
    if (fault) { note('C', 1, path, 0, NULL, 0); pthread_mutex_unlock(&lock); errno = number_of(fault); return -1; }
  }
  int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int number = errno;
  if (fd >= 0) {
    remember(fd, path);
    if (creates) { forget_failure(path); note('C', 0, path, 0, NULL, 0); }
    else if (flags & O_TRUNC) note('T', 0, path, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = number;
  return fd;
}

#define OPEN(name) int name(const char *path, int flags, ...) { \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); } \
  return open_file(path, flags, mode); }
OPEN(open)
OPEN(open64)

#define OPENAT(name) int name(int at, const char *path, int flags, ...) { \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); } \
  if (path[0] == '/') return open_file(path, flags, mode); \
  return syscall(SYS_openat, at, path, flags, mode); }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  if (path_of(fd)) { pthread_mutex_lock(&lock); free(paths[fd]); paths[fd] = NULL; doomed[fd] = 0; pthread_mutex_unlock(&lock); }
  return syscall(SYS_close, fd);
}

/* Writing. `at` < 0: where the descriptor stands. */

static ssize_t write_file(int fd, const void *bytes, size_t length, off_t at) {
  const char *path = path_of(fd);
  if (!path) return at < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, at);
  pthread_mutex_lock(&lock);
  off_t place = at < 0 ? syscall(SYS_lseek, fd, 0, SEEK_CUR) : at;
  struct stat status;
  int grows = fstat(fd, &status) == 0 && place + (off_t)length > status.st_size;
  enum mode fault = next('W', path, grows);
  size_t count = fault == TORN ? length / 2 : fault && fault != LOST ? 0 : length;
  ssize_t done = 0;
  if (count) done = at < 0 ? syscall(SYS_write, fd, bytes, count) : syscall(SYS_pwrite64, fd, bytes, count, at);
  int number = errno;
  note(fault == LOST ? 'L' : 'W', fault != NONE, path, place, bytes, done > 0 ? done : 0);
  if (fault == LOST) { for (int i = 0; i < DESCRIPTORS; i++) if (paths[i] && !strcmp(paths[i], path)) doomed[i] = 1; }
  pthread_mutex_unlock(&lock);
  if (fault && fault != LOST) { errno = number_of(fault); return -1; }
  errno = number;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_file(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_file(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_file(fd, bytes, length, at); }

static int truncate_file(int fd, off_t size) {
  const char *path = path_of(fd);
  if (!path) return syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&lock);
  struct stat status;
  enum mode fault = next('T', path, fstat(fd, &status) == 0 && size > status.st_size);
  int result = fault ? -1 : syscall(SYS_ftruncate, fd, size);
  int number = fault ? number_of(fault) : errno;
  note('T', result != 0, path, size, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = number;
  return result;
}
int ftruncate(int fd, off_t size) { return truncate_file(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_file(fd, size); }

/* Syncing. A failed sync loses for good what was written before it: that is what Linux does. */

static int sync_file(int fd, int (*whole)(int)) {
  const char *path = path_of(fd);
  (void)whole;
  if (!path) return syscall(SYS_fsync, fd);
  pthread_mutex_lock(&lock);
  enum mode fault = next('S', path, 0);
  if (!fault && doomed[fd]) { fault = LOST; control->fired_op = 'S'; }
  for (int i = 0; i < DESCRIPTORS; i++) if (doomed[i] && paths[i] && !strcmp(paths[i], path)) doomed[i] = 0;
  if (has_failed(path)) __atomic_add_fetch(&control->again, 1, __ATOMIC_SEQ_CST);
  if (fault) remember_failure(path);
  note('S', fault != NONE, path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  if (fault) { errno = number_of(fault); return -1; }
  return 0;
}
int fsync(int fd) { return sync_file(fd, NULL); }
int fdatasync(int fd) { return sync_file(fd, NULL); }

int msync(void *start, size_t length, int flags) { return syscall(SYS_msync, start, length, flags); }

/* Names. */

static int move_file(const char *from, const char *to, unsigned flags) {
  if (!below_roots(to)) return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
  pthread_mutex_lock(&lock);
  enum mode fault = next('R', to, 0);
  int result = fault ? -1 : syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
  int number = fault ? number_of(fault) : errno;
  if (result == 0) { forget_failure(from); forget_failure(to); }
  note('R', result != 0, from, 0, to, strlen(to));
  pthread_mutex_unlock(&lock);
  errno = number;
  return result;
}
int rename(const char *from, const char *to) { return move_file(from, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  if (from[0] == '/' && to[0] == '/') return move_file(from, to, flags);
  return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int link(const char *from, const char *to) {
  if (!below_roots(to)) return syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  pthread_mutex_lock(&lock);
  enum mode fault = next('H', to, 1);
  int result = fault ? -1 : syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  int number = fault ? number_of(fault) : errno;
  note('H', result != 0, from, 0, to, strlen(to));
  pthread_mutex_unlock(&lock);
  errno = number;
  return result;
}

int unlink(const char *path) {
  if (!below_roots(path)) return syscall(SYS_unlink, path);
  struct stat status;
  if (stat(path, &status) != 0) return syscall(SYS_unlink, path);
  pthread_mutex_lock(&lock);
  enum mode fault = next('U', path, 0);
  int result = fault ? -1 : syscall(SYS_unlink, path);
  int number = fault ? number_of(fault) : errno;
  if (result == 0) forget_failure(path);
  note('U', result != 0, path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = number;
  return result;
}

int mkdir(const char *path, mode_t mode) {
  struct stat status;
  if (!below_roots(path) || stat(path, &status) == 0) return syscall(SYS_mkdir, path, mode);
  pthread_mutex_lock(&lock);
  enum mode fault = next('M', path, 1);
  int result = fault ? -1 : syscall(SYS_mkdir, path, mode);
  int number = fault ? number_of(fault) : errno;
  note('M', result != 0, path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = number;
  return result;
}

/* The clock. */

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && control && clock == CLOCK_REALTIME) time->tv_sec += control->clock;
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

/* What the thread sanitizer has to be told of `Synchronization.Mutex`: loaded before the tests, by LD_PRELOAD.
 *
 * On Linux a lock that is free is taken and let go by an atomic in our own code, which the sanitizer sees. One that somebody else
 * waits for is taken and let go in libswiftSynchronization, which is not compiled for it: whatever the lock guards then looks like a
 * race. These stand in front of the library's functions, call them, and say what happened. The word of the lock is the place both
 * ways speak of, so that one that was taken slowly is ordered behind one that was let go fast.
 *
 * Names and calling convention are those of Swift 6.3's ABI (`self` is the context). Should they change, these are not called, and
 * races are reported that are none; a race is never hidden by it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))

/* Of the sanitizer's runtime; not there in a program without it. */
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

SWIFT void lock_slow(uint32_t self_id, CONTEXT void *lock) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT bool try_lock_slow(CONTEXT void *lock) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
SWIFT void unlock_slow(CONTEXT void *lock) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

/* Looked up at each call: a table of our own would itself need to be guarded. */
static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static void acquired(void *lock) {
  if (__tsan_acquire) __tsan_acquire(lock);
}

SWIFT void lock_slow(uint32_t self_id, CONTEXT void *lock) {
  SWIFT void (*next)(uint32_t, CONTEXT void *) = real("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
  next(self_id, lock);
  acquired(lock);
}

SWIFT bool try_lock_slow(CONTEXT void *lock) {
  SWIFT bool (*next)(CONTEXT void *) = real("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
  bool is_taken = next(lock);
  if (is_taken) acquired(lock);
  return is_taken;
}

SWIFT void unlock_slow(CONTEXT void *lock) {
  SWIFT void (*next)(CONTEXT void *) = real("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
  if (__tsan_release) __tsan_release(lock);
  next(lock);
}

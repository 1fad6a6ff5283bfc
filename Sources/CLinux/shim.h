#include <sys/prctl.h>
#include <sys/timex.h>

/// prctl(2) takes a variable number of arguments, which Swift does not import.
static inline int steward_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

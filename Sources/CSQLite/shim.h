#include <sqlite3.h>

/// sqlite3_db_config takes a variable number of arguments, which Swift does not import. What closing would copy into the file, and sync,
/// stays in the log.
static inline int steward_sqlite_close_plainly(sqlite3 *connection) {
  return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
/// sqlite3_config takes a variable number of arguments, which Swift does not import. Counting what is allocated costs a lock, shared by
/// all threads, with every allocation.
static inline int steward_sqlite_count_no_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

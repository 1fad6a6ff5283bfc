/* What the machine gives to anybody: durable SQLite commits and 4 KiB writes with fdatasync, in C. Built and run by Tools/bench.

   raw sqlite FILE SECONDS    commits a second: WAL, synchronous=FULL, one row of 512 bytes each, one prepared statement
   raw sync   FILE SECONDS    write + fdatasync a second, appending 4 KiB */

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static long commits(const char *file, double seconds, double *taken) {
  sqlite3 *db;
  sqlite3_stmt *insert;
  char body[512], key[33];
  memset(body, 7, sizeof body);
  if (sqlite3_open(file, &db)) fail("cannot open the database");
  if (sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "CREATE TABLE entry (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID", 0, 0, 0))
    fail(sqlite3_errmsg(db));
  if (sqlite3_prepare_v2(db, "INSERT INTO entry VALUES (?, ?)", -1, &insert, 0)) fail(sqlite3_errmsg(db));
  double start = now();
  long count = 0;
  while (now() - start < seconds) {
    snprintf(key, sizeof key, "%032ld", count);
    sqlite3_bind_text(insert, 1, key, 32, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, body, sizeof body, SQLITE_STATIC);
    if (sqlite3_step(insert) != SQLITE_DONE) fail(sqlite3_errmsg(db));
    sqlite3_reset(insert);
    count++;
  }
  *taken = now() - start;
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return count;
}

static long syncs(const char *file, double seconds, double *taken) {
  char block[4096];
  memset(block, 7, sizeof block);
  int out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (out < 0) fail("cannot open the file");
  double start = now();
  long count = 0;
  while (now() - start < seconds) {
    if (write(out, block, sizeof block) != sizeof block || fdatasync(out)) fail("the write failed");
    count++;
  }
  *taken = now() - start;
  close(out);
  return count;
}

int main(int count, char **words) {
  double taken;
  long done;
  if (count != 4) fail("usage: raw sqlite|sync FILE SECONDS");
  if (!strcmp(words[1], "sqlite")) done = commits(words[2], atof(words[3]), &taken);
  else done = syncs(words[2], atof(words[3]), &taken);
  printf("%f\n", done / taken);
  return 0;
}

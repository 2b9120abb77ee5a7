/* Stands between one process and the file system: counts what the process changes below one folder, kills the
   process at the n-th change, or keeps a log of all changes from which the disk of any moment can be made.

   Loaded with LD_PRELOAD; does nothing until chaos_arm is called. A change is a write, a truncation, an fsync, a
   new file or folder, a rename or a removal. SQLite's `-shm` is left out: it is memory that the processes share. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL_BEFORE = 0, KILL_HALFWAY = 1, FAIL_FULL_DISK = 2, FAIL_INPUT_OUTPUT = 3 };

static char folder[4096];
static size_t folder_length;
static volatile int armed;
static long stop_at, seen;
static int mode, log_number = -1;
static pid_t armed_process;
static char stopped_what[64];
static pthread_mutex_t gate = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static int ours(const char *path) {
  if (strncmp(path, folder, folder_length) || (path[folder_length] != '/' && path[folder_length])) return 0;
  size_t length = strlen(path);
  if (length > 4 && !strcmp(path + length - 4, "-shm")) return 0;
  return strcmp(path + folder_length, "/effects") != 0;
}

static int path_of(int number, char *path) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", number);
  ssize_t length = readlink(name, path, 4095);
  if (length < 0) return 0;
  path[length] = 0;
  return ours(path);
}

static int absolute(int at, const char *path, char *full) {
  if (path[0] == '/') snprintf(full, 4096, "%s", path);
  else {
    char base[2048];
    ssize_t length;
    if (at == AT_FDCWD) length = getcwd(base, sizeof base) ? (ssize_t)strlen(base) : -1;
    else {
      char name[64];
      snprintf(name, sizeof name, "/proc/self/fd/%d", at);
      length = readlink(name, base, sizeof base - 1);
    }
    if (length < 0) return 0;
    base[length] = 0;
    snprintf(full, 4096, "%s/%s", base, path);
  }
  return ours(full);
}

static void whole(int number, const void *data, size_t length) {
  const char *at = data;
  while (length) {
    long done = syscall(SYS_write, number, at, length);
    if (done <= 0) return;
    at += done;
    length -= (size_t)done;
  }
}

static void note(const char *what, const char *path, long long first, const char *other, const void *data, size_t length) {
  char line[9000];
  if (log_number < 0) return;
  int size = snprintf(line, sizeof line, "%s\t%s\t%lld\t%s\t%zu\n", what, path, first, other, length);
  whole(log_number, line, (size_t)size);
  whole(log_number, data, length);
}

static void end_here(void) {
  for (;;) {
    kill(armed_process, SIGKILL);
    pause();
  }
}

/* 0: go on. 1: only half of the write shall happen, then the end. -1: the call fails, errno is set. */
static int next(const char *what, const char *path, int may_be_half) {
  long number = ++seen;
  if (stop_at <= 0 || number < stop_at) return 0;
  if (mode >= FAIL_FULL_DISK) {
    /* Removing things works on a full disk too. */
    if (!strcmp(what, "unlink")) return 0;
    if (!stopped_what[0]) snprintf(stopped_what, sizeof stopped_what, "%s", what);
    errno = mode == FAIL_FULL_DISK ? ENOSPC : EIO;
    return -1;
  }
  if (number > stop_at) return 0;
  char report[4300];
  int size = snprintf(report, sizeof report, "at %s %s\n", what, path + folder_length);
  whole(1, report, (size_t)size);
  if (mode == KILL_HALFWAY && may_be_half) return 1;
  end_here();
  return 0;
}

#define IS_OFF (!armed || getpid() != armed_process)

void chaos_arm(const char *below, long at, int how, const char *log) {
  snprintf(folder, sizeof folder, "%s", below);
  folder_length = strlen(folder);
  stop_at = at;
  mode = how;
  seen = 0;
  stopped_what[0] = 0;
  log_number = log && log[0] ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  armed_process = getpid();
  armed = 1;
}

long chaos_count(void) { return seen; }

/* What the outside world has seen by now: an acknowledgement, an effect. */
void chaos_mark(const char *text) {
  if (IS_OFF) return;
  pthread_mutex_lock(&gate);
  note("mark", folder, 0, text, "", 0);
  pthread_mutex_unlock(&gate);
}

static ssize_t put(int number, const void *data, size_t length, long long offset, int has_offset) {
  char path[4096];
  if (IS_OFF || !path_of(number, path))
    return has_offset ? syscall(SYS_pwrite64, number, data, length, offset) : syscall(SYS_write, number, data, length);
  pthread_mutex_lock(&gate);
  int verdict = next("write", path, 1);
  ssize_t done = -1;
  if (verdict >= 0) {
    size_t part = verdict ? length / 2 : length;
    done = has_offset ? syscall(SYS_pwrite64, number, data, part, offset) : syscall(SYS_write, number, data, part);
    if (verdict) end_here();
    if (done > 0) {
      long long start = has_offset ? offset : syscall(SYS_lseek, number, 0, SEEK_CUR) - done;
      note("write", path, start, "", data, (size_t)done);
    }
  }
  int kept = errno;
  pthread_mutex_unlock(&gate);
  errno = kept;
  return done;
}

ssize_t write(int number, const void *data, size_t length) { return put(number, data, length, 0, 0); }
ssize_t pwrite(int number, const void *data, size_t length, off_t offset) { return put(number, data, length, offset, 1); }
ssize_t pwrite64(int number, const void *data, size_t length, off64_t offset) { return put(number, data, length, offset, 1); }

static ssize_t put_pieces(int number, const struct iovec *pieces, int count) {
  ssize_t all = 0;
  for (int index = 0; index < count; index++) {
    ssize_t done = put(number, pieces[index].iov_base, pieces[index].iov_len, 0, 0);
    if (done < 0) return all ? all : done;
    all += done;
    if ((size_t)done < pieces[index].iov_len) break;
  }
  return all;
}

ssize_t writev(int number, const struct iovec *pieces, int count) {
  char path[4096];
  if (IS_OFF || !path_of(number, path)) return syscall(SYS_writev, number, pieces, count);
  return put_pieces(number, pieces, count);
}

#define CHANGE(what, path, call, first, other)            \
  pthread_mutex_lock(&gate);                              \
  long result = -1;                                       \
  if (next(what, path, 0) >= 0) {                         \
    result = (call);                                      \
    if (result >= 0) note(what, path, first, other, "", 0); \
  }                                                       \
  int kept = errno;                                       \
  pthread_mutex_unlock(&gate);                            \
  errno = kept;                                           \
  return (int)result

static int sync_file(int number, long call) {
  char path[4096];
  if (IS_OFF || !path_of(number, path)) return (int)syscall(call, number);
  CHANGE("fsync", path, syscall(call, number), 0, "");
}

int fsync(int number) { return sync_file(number, SYS_fsync); }
int fdatasync(int number) { return sync_file(number, SYS_fdatasync); }

static int cut(int number, long long size) {
  char path[4096];
  if (IS_OFF || !path_of(number, path)) return (int)syscall(SYS_ftruncate, number, size);
  CHANGE("truncate", path, syscall(SYS_ftruncate, number, size), size, "");
}

int ftruncate(int number, off_t size) { return cut(number, size); }
int ftruncate64(int number, off64_t size) { return cut(number, size); }

static int move(int from_at, const char *from, int to_at, const char *to) {
  char source[4096], target[4096];
  if (IS_OFF || !absolute(to_at, to, target)) return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
  absolute(from_at, from, source);
  CHANGE("rename", source, syscall(SYS_renameat2, from_at, from, to_at, to, 0), 0, target);
}

int rename(const char *from, const char *to) { return move(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return move(from_at, from, to_at, to); }

static int take_away(int at, const char *name, int flags) {
  char path[4096];
  if (IS_OFF || !absolute(at, name, path)) return (int)syscall(SYS_unlinkat, at, name, flags);
  CHANGE("unlink", path, syscall(SYS_unlinkat, at, name, flags), 0, "");
}

int unlink(const char *name) { return take_away(AT_FDCWD, name, 0); }
int unlinkat(int at, const char *name, int flags) { return take_away(at, name, flags); }

static int make_folder(int at, const char *name, mode_t rights) {
  char path[4096];
  if (IS_OFF || !absolute(at, name, path)) return (int)syscall(SYS_mkdirat, at, name, rights);
  CHANGE("mkdir", path, syscall(SYS_mkdirat, at, name, rights), 0, "");
}

int mkdir(const char *name, mode_t rights) { return make_folder(AT_FDCWD, name, rights); }
int mkdirat(int at, const char *name, mode_t rights) { return make_folder(at, name, rights); }

static int make_file(int at, const char *name, int flags, mode_t rights) {
  char path[4096];
  /* Only what changes the disk counts: a file that was not there, or one that is emptied. */
  if (IS_OFF || !(flags & (O_CREAT | O_TRUNC)) || !absolute(at, name, path))
    return (int)syscall(SYS_openat, at, name, flags, rights);
  int is_there = syscall(SYS_faccessat, at, name, F_OK) == 0;
  if (is_there && !(flags & O_TRUNC)) return (int)syscall(SYS_openat, at, name, flags, rights);
  CHANGE(is_there ? "empty" : "create", path, syscall(SYS_openat, at, name, flags, rights), 0, "");
}

#define RIGHTS(last)                    \
  mode_t rights = 0;                    \
  if (flags & (O_CREAT | O_TMPFILE)) {  \
    va_list more;                       \
    va_start(more, last);               \
    rights = va_arg(more, mode_t);      \
    va_end(more);                       \
  }

int open(const char *name, int flags, ...) { RIGHTS(flags) return make_file(AT_FDCWD, name, flags, rights); }
int open64(const char *name, int flags, ...) { RIGHTS(flags) return make_file(AT_FDCWD, name, flags, rights); }
int openat(int at, const char *name, int flags, ...) { RIGHTS(flags) return make_file(at, name, flags, rights); }
int openat64(int at, const char *name, int flags, ...) { RIGHTS(flags) return make_file(at, name, flags, rights); }

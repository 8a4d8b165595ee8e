/*
 * A disk that fails: preloaded into a process, it stands before the C library's calls on the files
 * of one folder. It fails the calls that disk_arm() asks for, and writes every change and every
 * sync to a trace, from which power_cut.ts knows what a power cut would leave.
 *
 *   cc -shared -fPIC -O1 -o faulty_disk.so faulty_disk.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum call { OPEN, WRITE, SYNC, RENAME, TRUNCATE, MAKE, CALLS };

static char folder[512];
static int trace = -1;
static long syncs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Calls of the kinds in `kinds` fail with `fault`, after `skip` of them, `count` times. */
static unsigned kinds;
static int fault, skip, count;

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

/* Begins a new trace for the files below a folder, whose name has no symbolic link. */
void disk_watch(const char *below, const char *trace_file) {
  pthread_mutex_lock(&mutex);
  if (trace >= 0) REAL(close)(trace);
  snprintf(folder, sizeof folder, "%s", below);
  trace = REAL(open64)(trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  kinds = 0;
  pthread_mutex_unlock(&mutex);
}

void disk_arm(unsigned of_kinds, int error, int after, int times) {
  pthread_mutex_lock(&mutex);
  kinds = of_kinds, fault = error, skip = after, count = times;
  pthread_mutex_unlock(&mutex);
}

static int watched(const char *path) {
  size_t length = strlen(folder);
  return trace >= 0 && strncmp(path, folder, length) == 0 &&
    (path[length] == '/' || path[length] == 0);
}

/* The watched file behind a descriptor, which may be a copy of another one; else null. */
static const char *path_of(int fd) {
  static __thread char path[512];
  char link[32];
  if (trace < 0) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return NULL;
  path[length] = 0;
  return watched(path) ? path : NULL;
}

static void note(const char *format, ...) {
  char line[2048];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (REAL(write)(trace, line, length) != length) _exit(99);
}

/* Whether this call is to fail; errno is set then. Under the mutex. */
static int fails(enum call call) {
  if (!(kinds & (1u << call)) || count == 0) return 0;
  if (skip > 0) { skip--; return 0; }
  count--;
  errno = fault;
  return 1;
}

static int opened(const char *path, int flags, mode_t mode) {
  struct stat before;
  pthread_mutex_lock(&mutex);
  int fd = -1;
  int writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!writes || !fails(OPEN)) {
    int is_new = (flags & O_CREAT) && stat(path, &before) != 0;
    fd = REAL(open64)(path, flags, mode);
    if (fd >= 0) {
      if (is_new) note("name %s\n", path);
      if (flags & O_TRUNC) note("truncate 0 %s\n", path);
    }
  }
  pthread_mutex_unlock(&mutex);
  return fd;
}

#define OPENS(name)                                               \
  int name(const char *path, int flags, ...) {                    \
    va_list args;                                                 \
    va_start(args, flags);                                        \
    mode_t mode = va_arg(args, mode_t);                           \
    va_end(args);                                                 \
    if (!watched(path)) return REAL(name)(path, flags, mode);     \
    return opened(path, flags, mode);                             \
  }
OPENS(open)
OPENS(open64)

static ssize_t written(const char *path, int fd, const void *bytes, size_t length, off_t at, int positioned) {
  pthread_mutex_lock(&mutex);
  ssize_t done = -1;
  if (!fails(WRITE)) {
    if (!positioned) at = lseek(fd, 0, SEEK_CUR);
    done = positioned ? REAL(pwrite64)(fd, bytes, length, at) : REAL(write)(fd, bytes, length);
    if (done > 0) note("write %ld %ld %s\n", (long) at, (long) at + done, path);
  }
  pthread_mutex_unlock(&mutex);
  return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  const char *path = path_of(fd);
  return path ? written(path, fd, bytes, length, 0, 0) : REAL(write)(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  const char *path = path_of(fd);
  return path ? written(path, fd, bytes, length, at, 1) : REAL(pwrite64)(fd, bytes, length, at);
}

/* A failed sync leaves the pages marked as written, as Linux does: the next one succeeds. */
static int synced(const char *path, int fd, int (*real)(int)) {
  pthread_mutex_lock(&mutex);
  long id = ++syncs;
  int failed = fails(SYNC), error = errno;
  note("sync %ld %s\n", id, path);
  pthread_mutex_unlock(&mutex);
  usleep(1000); /* so that writes come in between */
  int result = failed ? -1 : real(fd);
  pthread_mutex_lock(&mutex);
  note("%s %ld\n", result == 0 ? "synced" : "unsynced", id);
  pthread_mutex_unlock(&mutex);
  if (failed) errno = error;
  return result;
}

int fsync(int fd) {
  const char *path = path_of(fd);
  return path ? synced(path, fd, REAL(fsync)) : REAL(fsync)(fd);
}

int fdatasync(int fd) {
  const char *path = path_of(fd);
  return path ? synced(path, fd, REAL(fdatasync)) : REAL(fdatasync)(fd);
}

static int truncated(const char *path, int fd, off_t length) {
  pthread_mutex_lock(&mutex);
  int result = fails(TRUNCATE) ? -1 : REAL(ftruncate64)(fd, length);
  if (result == 0) note("truncate %ld %s\n", (long) length, path);
  pthread_mutex_unlock(&mutex);
  return result;
}

int ftruncate(int fd, off_t length) {
  const char *path = path_of(fd);
  return path ? truncated(path, fd, length) : REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  const char *path = path_of(fd);
  return path ? truncated(path, fd, length) : REAL(ftruncate64)(fd, length);
}

int rename(const char *from, const char *to) {
  if (!watched(to)) return REAL(rename)(from, to);
  pthread_mutex_lock(&mutex);
  int result = fails(RENAME) ? -1 : REAL(rename)(from, to);
  if (result == 0) note("rename %s %s\n", from, to);
  pthread_mutex_unlock(&mutex);
  return result;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  if (!watched(to)) return REAL(linkat)(from_fd, from, to_fd, to, flags);
  pthread_mutex_lock(&mutex);
  int result = fails(RENAME) ? -1 : REAL(linkat)(from_fd, from, to_fd, to, flags);
  if (result == 0) note("link %s %s\n", from, to);
  pthread_mutex_unlock(&mutex);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  if (!watched(path)) return REAL(mkdir)(path, mode);
  pthread_mutex_lock(&mutex);
  int result = fails(MAKE) ? -1 : REAL(mkdir)(path, mode);
  if (result == 0) note("name %s\n", path);
  pthread_mutex_unlock(&mutex);
  return result;
}

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  if (result == 0 && watched(path)) {
    pthread_mutex_lock(&mutex);
    note("unlink %s\n", path);
    pthread_mutex_unlock(&mutex);
  }
  return result;
}

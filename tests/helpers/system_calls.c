/* Preloaded into a process: what it asks of the system for files under one directory can be made to fail, at the n-th
 * call of a kind, and is written down on demand. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN, WRITE, FSYNC, CLOSE, RENAME, UNLINK, MKDIR, RMDIR, TRUNCATE, LOCK, KINDS };

static char under[PATH_MAX], failed[PATH_MAX];
static int kind = -1, number, lasting, halved, log_file = -1;
static long at, counts[KINDS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Begin to count the calls for what lies under a directory; the n-th of a kind fails, and with `always` all after it. */
void system_calls_fail(const char *directory, int which, long nth, int error, int always) {
    snprintf(under, sizeof under, "%s", directory);
    kind = which, at = nth, number = error, lasting = always;
    memset(counts, 0, sizeof counts);
    failed[0] = 0, halved = 0;
}

/* Let nothing fail any more. */
void system_calls_succeed(void) { kind = -1; }

/* How many calls of a kind there were. */
long system_calls_counted(int which) { return counts[which]; }

/* The first file for which a call failed. */
const char *system_calls_failed(void) { return failed; }

/* Write down what is done to files under a directory, from now on. */
void system_calls_record(const char *directory, const char *log) {
    snprintf(under, sizeof under, "%s", directory);
    log_file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(const char *what, const char *path, const char *other, long offset, const void *data, size_t size) {
    char head[3 * PATH_MAX];
    if (log_file < 0) return;
    int length = snprintf(head, sizeof head, "%s\t%s\t%s\t%ld\t%zu\n", what, path, other, offset, data ? size : 0);
    if (REAL(write)(log_file, head, length) != length) _exit(99);
    if (data && size && REAL(write)(log_file, data, size) != (ssize_t)size) _exit(99);
}

/* Write down where the process is. */
void system_calls_mark(const char *what) { note("mark", what, "", 0, NULL, 0); }

static int concerns(const char *path) { return under[0] && strncmp(path, under, strlen(under)) == 0; }

static int fails(int which, const char *path) {
    if (!concerns(path)) return 0;
    long n = ++counts[which];
    if (which != kind || n < at || (n > at && !lasting)) return 0;
    if (!failed[0]) snprintf(failed, sizeof failed, "%s", path);
    errno = number;
    return 1;
}

static const char *path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int open_any(__typeof__(&open) real, const char *path, int flags, mode_t mode) {
    if (!concerns(path)) return real(path, flags, mode);
    if ((flags & (O_ACCMODE | O_CREAT)) == O_RDONLY && !(flags & O_DIRECTORY)) return real(path, flags, mode); /* reading */
    if (fails(OPEN, path)) return -1;
    int before = errno, new = (flags & O_CREAT) && access(path, F_OK) != 0;
    errno = before;
    int descriptor = real(path, flags, mode);
    if (descriptor >= 0 && new) note("create", path, "", 0, NULL, 0);
    if (descriptor >= 0 && (flags & O_TRUNC)) note("truncate", path, "", 0, NULL, 0);
    return descriptor;
}

#define OPENER(name)                                                            \
    int name(const char *path, int flags, ...) {                                \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                           \
        return open_any(REAL(name), path, flags, mode);                         \
    }
OPENER(open)
OPENER(open64)

static int disk_is_full(void) { return number == ENOSPC || number == EDQUOT || number == EIO; }

ssize_t write(int descriptor, const void *data, size_t size) {
    char path[PATH_MAX];
    if (!under[0] || descriptor == log_file || !concerns(path_of(descriptor, path))) return REAL(write)(descriptor, data, size);
    if (kind == WRITE && disk_is_full() && !halved && size > 1 && counts[WRITE] + 1 == at) {
        size /= 2, halved = 1; /* a part is written; the next call, for what is left of it, fails */
    } else if (fails(WRITE, path)) {
        return -1;
    }
    struct stat now;
    long offset = lseek(descriptor, 0, SEEK_CUR);
    if (fcntl(descriptor, F_GETFL) & O_APPEND) offset = fstat(descriptor, &now) ? 0 : now.st_size;
    ssize_t written = REAL(write)(descriptor, data, size);
    if (written > 0) note("write", path, "", offset, data, written);
    return written;
}

int fsync(int descriptor) {
    char path[PATH_MAX];
    if (fails(FSYNC, path_of(descriptor, path))) return -1;
    int done = REAL(fsync)(descriptor);
    if (!done && concerns(path)) note("fsync", path, "", 0, NULL, 0);
    return done;
}

/* Of what is open to be written: some disks say only then that it was not. It is closed all the same. */
int close(int descriptor) {
    char path[PATH_MAX];
    int before = errno, flags = under[0] && descriptor != log_file ? fcntl(descriptor, F_GETFL) : -1;
    errno = before;
    int failing = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fails(CLOSE, path_of(descriptor, path));
    int done = REAL(close)(descriptor);
    if (failing) errno = number;
    return failing ? -1 : done;
}

#define TRUNCATER(name, type)                                                              \
    int name(int descriptor, type length) {                                               \
        char path[PATH_MAX];                                                              \
        if (fails(TRUNCATE, path_of(descriptor, path))) return -1;                        \
        int done = REAL(name)(descriptor, length);                                        \
        if (!done && concerns(path)) note("truncate", path, "", (long)length, NULL, 0);   \
        return done;                                                                      \
    }
TRUNCATER(ftruncate, off_t)
TRUNCATER(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    if (fails(RENAME, to)) return -1;
    int done = REAL(rename)(from, to);
    if (!done && concerns(to)) note("rename", from, to, 0, NULL, 0);
    return done;
}

#define REMOVER(name, which)                                                   \
    int name(const char *path) {                                              \
        if (fails(which, path)) return -1;                                    \
        int done = REAL(name)(path);                                          \
        if (!done && concerns(path)) note(#name, path, "", 0, NULL, 0);       \
        return done;                                                          \
    }
REMOVER(unlink, UNLINK)
REMOVER(rmdir, RMDIR)

int mkdir(const char *path, mode_t mode) {
    if (fails(MKDIR, path)) return -1;
    int done = REAL(mkdir)(path, mode);
    if (!done && concerns(path)) note("mkdir", path, "", 0, NULL, 0);
    return done;
}

int flock(int descriptor, int operation) {
    char path[PATH_MAX];
    if (fails(LOCK, path_of(descriptor, path))) return -1;
    return REAL(flock)(descriptor, operation);
}

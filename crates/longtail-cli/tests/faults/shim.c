/* Loaded before the program: counts its calls that touch one folder, and has the N-th of them go wrong.

   FAULT_UNDER  the folder, as an absolute path
   FAULT_AT     N, from 1; 0 for none
   FAULT_DO     kill:  the program dies before the call
                torn:  it dies after half of the bytes of a write, before any other call
                eio:   the call fails with EIO, once
                full:  from this call on all that needs room fails with ENOSPC
                short: from this call on every write writes half
                wait:  the call never ends
   FAULT_LOG    a file that gets a line for every call */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum deed { NONE, KILL, TORN, EIO_ONCE, FULL, SHORT, WAIT };
/* What becomes of a call. */
enum fate { GOES_ON, FAILS, HALF, HALF_AND_DIES };

#define DESCRIPTORS 4096
static atomic_char watched[DESCRIPTORS];
static atomic_ulong calls;
static unsigned long at;
static enum deed deed;
static char under[PATH_MAX];
static int log_file = -1;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULT_UNDER"), *number = getenv("FAULT_AT");
    const char *what = getenv("FAULT_DO"), *path = getenv("FAULT_LOG");
    static const char *const names[] = {"", "kill", "torn", "eio", "full", "short", "wait"};
    if (!folder) return;
    snprintf(under, sizeof under, "%s", folder);
    at = number ? strtoul(number, NULL, 10) : 0;
    for (int i = 1; what && i < 7; i++)
        if (!strcmp(what, names[i])) deed = (enum deed)i;
    if (path) log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int is_under(const char *path) {
    size_t length = strlen(under);
    return length && path && !strncmp(path, under, length) && (path[length] == '/' || !path[length]);
}

static int is_watched(int file) { return file >= 0 && file < DESCRIPTORS && watched[file]; }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call and decides on it. */
static enum fate fate(const char *name, const char *path, int writes, int needs_room) {
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    if (log_file >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%lu %s %s\n", number, name, path);
        syscall(SYS_write, log_file, line, (size_t)length);
    }
    if (!at || number < at) return GOES_ON;
    switch (deed) {
    case KILL:
        die();
        break;
    case TORN:
        if (writes) return HALF_AND_DIES;
        die();
        break;
    case EIO_ONCE:
        if (number != at) break;
        errno = EIO;
        return FAILS;
    case FULL:
        if (!needs_room) break;
        errno = ENOSPC;
        return FAILS;
    case SHORT:
        return writes ? HALF : GOES_ON;
    case WAIT:
        if (number != at) break;
        for (;;) pause();
    case NONE:
        break;
    }
    return GOES_ON;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PLAIN(name, path, room) fate(name, path, 0, room) == FAILS

static int opened(int file) {
    if (file >= 0 && file < DESCRIPTORS) watched[file] = 1;
    return file;
}

#define OPEN(name)                                                                    \
    int name(const char *path, int flags, ...) {                                      \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                                 \
        if (!is_under(path)) return REAL(name)(path, flags, mode);                    \
        if (PLAIN("open", path, flags & O_CREAT)) return -1;                          \
        return opened(REAL(name)(path, flags, mode));                                 \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                  \
    int name(int folder, const char *path, int flags, ...) {                          \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
        va_end(rest);                                                                 \
        if (!is_under(path)) return REAL(name)(folder, path, flags, mode);            \
        if (PLAIN("open", path, flags & O_CREAT)) return -1;                          \
        return opened(REAL(name)(folder, path, flags, mode));                         \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
    if (is_watched(file)) watched[file] = 0;
    return REAL(close)(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (!is_watched(file)) return REAL(write)(file, bytes, count);
    size_t half = count > 1 ? count / 2 : count;
    switch (fate("write", "", 1, 1)) {
    case FAILS:
        return -1;
    case HALF:
        return REAL(write)(file, bytes, half);
    case HALF_AND_DIES:
        REAL(write)(file, bytes, count / 2);
        die();
        return -1;
    default:
        return REAL(write)(file, bytes, count);
    }
}

ssize_t writev(int file, const struct iovec *pieces, int count) {
    if (!is_watched(file)) return REAL(writev)(file, pieces, count);
    switch (fate("writev", "", 1, 1)) {
    case FAILS:
        return -1;
    case HALF_AND_DIES:
        if (count > 0) REAL(write)(file, pieces[0].iov_base, pieces[0].iov_len / 2);
        die();
        return -1;
    case HALF:
        return REAL(writev)(file, pieces, count > 1 ? count / 2 : count);
    default:
        return REAL(writev)(file, pieces, count);
    }
}

ssize_t copy_file_range(int from, off64_t *begin, int to, off64_t *end, size_t count, unsigned flags) {
    if (is_watched(to) && PLAIN("copy_file_range", "", 1)) return -1;
    return REAL(copy_file_range)(from, begin, to, end, count, flags);
}

#define OF_FILE(name)                                                                 \
    int name(int file) {                                                              \
        if (is_watched(file) && PLAIN(#name, "", 0)) return -1;                       \
        return REAL(name)(file);                                                      \
    }
OF_FILE(fsync)
OF_FILE(fdatasync)

#define OF_LENGTH(name, type)                                                         \
    int name(int file, type length) {                                                 \
        if (is_watched(file) && PLAIN("ftruncate", "", 0)) return -1;                 \
        return REAL(name)(file, length);                                              \
    }
OF_LENGTH(ftruncate, off_t)
OF_LENGTH(ftruncate64, off64_t)

int flock(int file, int how) {
    if (is_watched(file) && PLAIN("flock", "", 0)) return -1;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, how);
}

#define OF_PATH(name)                                                                 \
    int name(const char *path) {                                                      \
        if (is_under(path) && PLAIN(#name, path, 0)) return -1;                       \
        return REAL(name)(path);                                                      \
    }
OF_PATH(unlink)
OF_PATH(rmdir)

int mkdir(const char *path, mode_t mode) {
    if (is_under(path) && PLAIN("mkdir", path, 1)) return -1;
    return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
    if (is_under(to) && PLAIN("rename", to, 0)) return -1;
    return REAL(rename)(from, to);
}

int link(const char *from, const char *to) {
    if (is_under(to) && PLAIN("link", to, 1)) return -1;
    return REAL(link)(from, to);
}

int linkat(int old, const char *from, int new, const char *to, int flags) {
    if (is_under(to) && PLAIN("link", to, 1)) return -1;
    return REAL(linkat)(old, from, new, to, flags);
}

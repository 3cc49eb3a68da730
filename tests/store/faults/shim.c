/* Preloaded into a program under test: counts its system calls on files below one folder, and makes one of them fail,
 * come short, or be the last thing that the process does. What to do stands in a mapped file that the test writes, so
 * that forked processes share one count. The clock can be moved as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
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

enum { READ = 1, WRITE = 2, SYNC = 4, CREATE = 8, OPEN = 16, MOVE = 32 };
enum { COUNT = 0, FAIL = 1, KILL = 2, SHORT = 3, END = 4 };

struct control {
    uint64_t counter;  /* calls seen */
    uint64_t at;       /* the call that is acted on, from 1; 0: none */
    uint64_t fired;    /* calls acted on */
    int64_t clock_ns;  /* added to the clock of the day */
    uint32_t action;
    uint32_t number;   /* errno of FAIL */
    uint32_t sticky;   /* every later call as well */
    uint32_t classes;  /* which calls count */
    char root[1024];
};

static struct control *control;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("FAULT_CONTROL");
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (found != MAP_FAILED) control = found;
}

static int below(const char *path) {
    size_t length = strlen(control->root);
    return length && strncmp(path, control->root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int fd_below(int fd) {
    char link[64], target[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
    if (n < 0) return 0;
    target[n] = 0;
    return below(target);
}

static int path_below(int dirfd, const char *path) {
    if (!path) return 0;
    int number;
    if (sscanf(path, "/proc/self/fd/%d", &number) == 1) return fd_below(number);
    if (path[0] == '/') return below(path);
    if (dirfd != AT_FDCWD) return fd_below(dirfd);
    char here[PATH_MAX];
    return getcwd(here, sizeof here) && below(here);
}

/* 0: go on; 1: fail with errno set; 2: come short; 3: pretend the end of the file */
static int act(uint32_t class) {
    if (!(control->classes & class)) return 0;
    uint64_t seen = __atomic_add_fetch(&control->counter, 1, __ATOMIC_SEQ_CST);
    if (!control->at || seen < control->at || (seen > control->at && !control->sticky)) return 0;
    __atomic_add_fetch(&control->fired, 1, __ATOMIC_SEQ_CST);
    switch (control->action) {
        case FAIL: errno = (int)control->number; return 1;
        case KILL: syscall(SYS_kill, getpid(), SIGKILL); return 0;
        case SHORT: return 2;
        case END: return 3;
        default: return 0;
    }
}

static int on_fd(int fd, uint32_t class) {
    return control && (control->classes & class) && fd_below(fd) ? act(class) : 0;
}

static int on_path(int dirfd, const char *path, uint32_t class) {
    return control && (control->classes & class) && path_below(dirfd, path) ? act(class) : 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static size_t half(size_t n) { return n > 1 ? n / 2 : n; }

#define READER(name, declared, types, passed, shortened) \
    ssize_t name declared { \
        REAL(ssize_t, #name, types); \
        switch (on_fd(fd, READ)) { case 1: return -1; case 2: return real shortened; case 3: return 0; } \
        return real passed; \
    }
#define TYPES(...) __VA_ARGS__
READER(read, (int fd, void *to, size_t n), TYPES(int, void *, size_t), (fd, to, n), (fd, to, half(n)))
READER(pread, (int fd, void *to, size_t n, off_t at), TYPES(int, void *, size_t, off_t), (fd, to, n, at), (fd, to, half(n), at))
READER(pread64, (int fd, void *to, size_t n, off64_t at), TYPES(int, void *, size_t, off64_t), (fd, to, n, at), (fd, to, half(n), at))
READER(readv, (int fd, const struct iovec *to, int n), TYPES(int, const struct iovec *, int), (fd, to, n), (fd, to, n > 1 ? 1 : n))
READER(preadv, (int fd, const struct iovec *to, int n, off_t at), TYPES(int, const struct iovec *, int, off_t), (fd, to, n, at), (fd, to, n > 1 ? 1 : n, at))
READER(preadv64, (int fd, const struct iovec *to, int n, off64_t at), TYPES(int, const struct iovec *, int, off64_t), (fd, to, n, at), (fd, to, n > 1 ? 1 : n, at))

#define WRITER(name, declared, types, passed, shortened) \
    ssize_t name declared { \
        REAL(ssize_t, #name, types); \
        switch (on_fd(fd, WRITE)) { case 1: return -1; case 2: return real shortened; } \
        return real passed; \
    }
WRITER(write, (int fd, const void *from, size_t n), TYPES(int, const void *, size_t), (fd, from, n), (fd, from, half(n)))
WRITER(pwrite, (int fd, const void *from, size_t n, off_t at), TYPES(int, const void *, size_t, off_t), (fd, from, n, at), (fd, from, half(n), at))
WRITER(pwrite64, (int fd, const void *from, size_t n, off64_t at), TYPES(int, const void *, size_t, off64_t), (fd, from, n, at), (fd, from, half(n), at))
WRITER(writev, (int fd, const struct iovec *from, int n), TYPES(int, const struct iovec *, int), (fd, from, n), (fd, from, n > 1 ? 1 : n))
WRITER(pwritev, (int fd, const struct iovec *from, int n, off_t at), TYPES(int, const struct iovec *, int, off_t), (fd, from, n, at), (fd, from, n > 1 ? 1 : n, at))
WRITER(pwritev64, (int fd, const struct iovec *from, int n, off64_t at), TYPES(int, const struct iovec *, int, off64_t), (fd, from, n, at), (fd, from, n > 1 ? 1 : n, at))
WRITER(sendfile, (int fd, int in, off_t *at, size_t n), TYPES(int, int, off_t *, size_t), (fd, in, at, n), (fd, in, at, half(n)))
WRITER(sendfile64, (int fd, int in, off64_t *at, size_t n), TYPES(int, int, off64_t *, size_t), (fd, in, at, n), (fd, in, at, half(n)))

ssize_t copy_file_range(int in, off64_t *in_at, int fd, off64_t *at, size_t n, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    switch (on_fd(fd, WRITE)) { case 1: return -1; case 2: return real(in, in_at, fd, at, half(n), flags); }
    return real(in, in_at, fd, at, n, flags);
}

#define ON_FD(name, class, declared, types, passed) \
    int name declared { \
        REAL(int, #name, types); \
        if (on_fd(fd, class) == 1) return -1; \
        return real passed; \
    }
ON_FD(ftruncate, WRITE, (int fd, off_t n), TYPES(int, off_t), (fd, n))
ON_FD(ftruncate64, WRITE, (int fd, off64_t n), TYPES(int, off64_t), (fd, n))
ON_FD(fsync, SYNC, (int fd), TYPES(int), (fd))
ON_FD(fdatasync, SYNC, (int fd), TYPES(int), (fd))
ON_FD(syncfs, SYNC, (int fd), TYPES(int), (fd))

int posix_fallocate(int fd, off_t at, off_t n) {
    REAL(int, "posix_fallocate", int, off_t, off_t);
    return on_fd(fd, WRITE) == 1 ? errno : real(fd, at, n);
}
int posix_fallocate64(int fd, off64_t at, off64_t n) {
    REAL(int, "posix_fallocate64", int, off64_t, off64_t);
    return on_fd(fd, WRITE) == 1 ? errno : real(fd, at, n);
}

#define ON_PATH(name, class, dirfd, path, declared, types, passed) \
    int name declared { \
        REAL(int, #name, types); \
        if (on_path(dirfd, path, class) == 1) return -1; \
        return real passed; \
    }
ON_PATH(rename, MOVE, AT_FDCWD, to, (const char *from, const char *to), TYPES(const char *, const char *), (from, to))
ON_PATH(renameat, MOVE, b, to, (int a, const char *from, int b, const char *to), TYPES(int, const char *, int, const char *), (a, from, b, to))
ON_PATH(renameat2, MOVE, b, to, (int a, const char *from, int b, const char *to, unsigned flags), TYPES(int, const char *, int, const char *, unsigned), (a, from, b, to, flags))
ON_PATH(link, CREATE, AT_FDCWD, to, (const char *from, const char *to), TYPES(const char *, const char *), (from, to))
ON_PATH(linkat, CREATE, b, to, (int a, const char *from, int b, const char *to, int flags), TYPES(int, const char *, int, const char *, int), (a, from, b, to, flags))
ON_PATH(symlink, CREATE, AT_FDCWD, to, (const char *from, const char *to), TYPES(const char *, const char *), (from, to))
ON_PATH(unlink, MOVE, AT_FDCWD, path, (const char *path), TYPES(const char *), (path))
ON_PATH(unlinkat, MOVE, a, path, (int a, const char *path, int flags), TYPES(int, const char *, int), (a, path, flags))
ON_PATH(rmdir, MOVE, AT_FDCWD, path, (const char *path), TYPES(const char *), (path))
ON_PATH(mkdir, CREATE, AT_FDCWD, path, (const char *path, mode_t mode), TYPES(const char *, mode_t), (path, mode))
ON_PATH(mkdirat, CREATE, a, path, (int a, const char *path, mode_t mode), TYPES(int, const char *, mode_t), (a, path, mode))
ON_PATH(truncate, CREATE, AT_FDCWD, path, (const char *path, off_t n), TYPES(const char *, off_t), (path, n))

#define OPENER(name, dirfd, declared, types, passed) \
    int name declared { \
        REAL(int, #name, types, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        if (on_path(dirfd, path, flags & O_CREAT ? CREATE : OPEN) == 1) return -1; \
        return real passed; \
    }
OPENER(open, AT_FDCWD, (const char *path, int flags, ...), TYPES(const char *, int), (path, flags, mode))
OPENER(open64, AT_FDCWD, (const char *path, int flags, ...), TYPES(const char *, int), (path, flags, mode))
OPENER(openat, a, (int a, const char *path, int flags, ...), TYPES(int, const char *, int), (a, path, flags, mode))
OPENER(openat64, a, (int a, const char *path, int flags, ...), TYPES(int, const char *, int), (a, path, flags, mode))

int clock_gettime(clockid_t which, struct timespec *out) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int done = real(which, out);
    if (!done && control && which == CLOCK_REALTIME && control->clock_ns) {
        int64_t ns = (int64_t)out->tv_sec * 1000000000 + out->tv_nsec + control->clock_ns;
        out->tv_sec = ns / 1000000000;
        out->tv_nsec = ns % 1000000000;
    }
    return done;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *out, void *zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

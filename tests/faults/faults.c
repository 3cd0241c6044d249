/* Faults of disks and of processes, for LD_PRELOAD: counts the changes that a process makes to the files of one
 * folder. At the k-th such step it ends the process, or lets the step fail; or it logs every step; or it pauses
 * the process at every step from the k-th on, until it gets SIGCONT.
 *
 * A step is a change that a power cut or a full disk can lose: a name that is made or removed, written bytes, a
 * new size, a sync. Reads, locks and shared memory do not count. The control block may be in a file that other
 * processes map (FAULTS_CONTROL); it then counts the steps of all of them together.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, COUNT, KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_FROM, SHORT_ONCE, STOP_BEFORE, STOP_AFTER };
enum kind { WRITE = 1, SYNC = 2, NAME = 4, SIZE = 8, NOTE = 16 };

/* tests/faults/preload.py has the same layout. */
struct control {
    _Atomic int32_t mode;
    _Atomic int32_t error;
    _Atomic int32_t kinds;     /* which kinds of steps are counted */
    _Atomic int32_t skip_sync; /* syncs do nothing: a killed process does not lose the page cache anyway */
    _Atomic int64_t at;
    _Atomic int64_t count;
    _Atomic int64_t fired; /* how many steps failed */
    char folder[512];
    char log[512];
};

struct record {
    uint32_t operation; /* a letter */
    uint32_t first, second;
    uint32_t size;
    uint64_t inode;
    uint64_t offset;
};

static struct control *control;
static int log_handle = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    int handle = -1, flags = MAP_SHARED | MAP_ANONYMOUS;
    if (path) {
        handle = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
        flags = MAP_SHARED;
    }
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, flags, handle, 0);
    if (control == MAP_FAILED)
        abort();
    if (handle >= 0)
        syscall(SYS_close, handle);
}

/* Functions for the driver. */

void faults_arm(const char *folder, int mode, long at, int error, int kinds, int skip_sync)
{
    snprintf(control->folder, sizeof control->folder, "%s", folder);
    control->error = error;
    control->kinds = kinds;
    control->skip_sync = skip_sync;
    control->at = at;
    control->count = 0;
    control->fired = 0;
    control->mode = mode;
}

void faults_log(const char *path)
{
    snprintf(control->log, sizeof control->log, "%s", path);
    if (log_handle >= 0)
        syscall(SYS_close, log_handle);
    log_handle = -1;
}

void faults_disarm(void) { control->mode = OFF; }
long faults_count(void) { return control->count; }
long faults_fired(void) { return control->fired; }

/* Which steps count. */

static int is_under(const char *path)
{
    return path[0] && strncmp(path, control->folder, strlen(control->folder)) == 0;
}

static int is_armed(void) { return control && control->mode != OFF; }

static void path_of(int handle, char *out)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    out[size < 0 ? 0 : size] = 0;
}

static void path_at(int folder, const char *path, char *out)
{
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return;
    }
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0)
            base[0] = 0;
    } else
        path_of(folder, base);
    if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        out[0] = 0;
}

/* Whether a handle is a file or a folder that is watched; its path and its inode. */
static int is_watched(int handle, char *path, uint64_t *inode)
{
    struct stat about;
    if (!is_armed() || fstat(handle, &about) || !(S_ISREG(about.st_mode) || S_ISDIR(about.st_mode)))
        return 0;
    path_of(handle, path);
    *inode = about.st_ino;
    return is_under(path);
}

static int is_watched_at(int folder, const char *path, char *out)
{
    if (!is_armed() || !path)
        return 0;
    path_at(folder, path, out);
    return is_under(out);
}

static void note(char operation, const char *first, const char *second, uint64_t inode, uint64_t offset,
                 const void *data, uint32_t size)
{
    if (!control->log[0])
        return;
    if (log_handle < 0)
        log_handle = syscall(SYS_openat, AT_FDCWD, control->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct record head = {operation, strlen(first), strlen(second), size, inode, offset};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)first, head.first},
                            {(void *)second, head.second},
                            {(void *)data, size}};
    if (syscall(SYS_writev, log_handle, parts, 4) < 0)
        abort();
}

static void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        syscall(SYS_pause);
}

/* Pause until the driver has examined what a killed process would leave here, and continues this one.
 * Nothing is counted meanwhile, because all processes that the driver forks share the control block. */
static void stand_still(void)
{
    int32_t mode = control->mode;
    control->mode = OFF;
    syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
    control->mode = mode;
}

enum fate { DO, FAIL, SHORT };

/* Count the next step and decide its fate. *mine becomes its number. */
static enum fate step(int kind, int64_t *mine)
{
    *mine = 0;
    if (!(control->kinds & kind))
        return DO;
    *mine = atomic_fetch_add(&control->count, 1) + 1;
    int64_t at = control->at;
    int fails = 0;
    switch (control->mode) {
    case KILL_BEFORE:
        if (*mine == at)
            die();
        break;
    case STOP_BEFORE:
        if (*mine >= at)
            stand_still();
        break;
    case FAIL_ONCE:
        fails = *mine == at;
        break;
    case FAIL_FROM:
        fails = *mine >= at;
        break;
    case SHORT_ONCE:
        if (*mine == at && kind == WRITE) {
            control->fired++;
            return SHORT;
        }
        fails = *mine == at || (*mine == at + 1 && kind == WRITE);
        break;
    }
    if (!fails)
        return DO;
    control->fired++;
    errno = control->error;
    return FAIL;
}

static void after(int64_t mine)
{
    if (control->mode == KILL_AFTER && mine && mine == control->at)
        die();
    if (control->mode == STOP_AFTER && mine && mine >= control->at)
        stand_still();
}

/* A step of its own for something that the driver does outside the folder. */
void faults_step(const char *text)
{
    if (!is_armed())
        return;
    int64_t mine;
    step(NOTE, &mine);
    note('!', text, "", 0, 0, "", 0);
    after(mine);
}

#define BY_NAME(letter, first, second, call)                                                                   \
    do {                                                                                                       \
        int64_t mine;                                                                                          \
        if (step(NAME, &mine) == FAIL)                                                                         \
            return -1;                                                                                         \
        int done = (call);                                                                                     \
        int error = errno;                                                                                     \
        note(done ? '-' : letter, first, second, 0, 0, "", 0);                                                 \
        errno = error;                                                                                         \
        after(mine);                                                                                           \
        return done;                                                                                           \
    } while (0)

/* Files that are made, or emptied. */

static int opened(int folder, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat about;
    if (!(flags & (O_CREAT | O_TRUNC)) || !is_watched_at(folder, name, path))
        return syscall(SYS_openat, folder, name, flags, mode);
    int is_there = syscall(SYS_newfstatat, AT_FDCWD, path, &about, 0) == 0;
    if (is_there && (flags & O_EXCL || !(flags & O_TRUNC) || about.st_size == 0))
        return syscall(SYS_openat, folder, name, flags, mode);
    int64_t mine;
    if (step(is_there ? SIZE : NAME, &mine) == FAIL)
        return -1;
    int handle = syscall(SYS_openat, folder, name, flags, mode);
    if (handle >= 0 && fstat(handle, &about) == 0)
        note(is_there ? 't' : 'c', path, "", about.st_ino, 0, "", 0);
    after(mine);
    return handle;
}

static mode_t mode_in(int flags, va_list more) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; }

#define OPEN_AT(function)                                                                                      \
    int function(int folder, const char *name, int flags, ...)                                                 \
    {                                                                                                          \
        va_list more;                                                                                          \
        va_start(more, flags);                                                                                 \
        mode_t mode = mode_in(flags, more);                                                                    \
        va_end(more);                                                                                          \
        return opened(folder, name, flags, mode);                                                              \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

#define OPEN(function)                                                                                         \
    int function(const char *name, int flags, ...)                                                             \
    {                                                                                                          \
        va_list more;                                                                                          \
        va_start(more, flags);                                                                                 \
        mode_t mode = mode_in(flags, more);                                                                    \
        va_end(more);                                                                                          \
        return opened(AT_FDCWD, name, flags, mode);                                                            \
    }
OPEN(open)
OPEN(open64)

int creat(const char *name, mode_t mode) { return open64(name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return open64(name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* Bytes. */

static ssize_t wrote(int handle, const struct iovec *parts, int count, off64_t offset)
{
    char path[PATH_MAX];
    uint64_t inode;
    int is_placed = offset >= 0;
    if (!is_watched(handle, path, &inode))
        return is_placed ? syscall(SYS_pwritev, handle, parts, count, offset, 0)
                         : syscall(SYS_writev, handle, parts, count);
    size_t size = 0;
    for (int index = 0; index < count; index++)
        size += parts[index].iov_len;
    char *data = malloc(size + 1), *end = data;
    for (int index = 0; index < count; index++)
        end = mempcpy(end, parts[index].iov_base, parts[index].iov_len);
    if (!is_placed) {
        int flags = syscall(SYS_fcntl, handle, F_GETFL);
        offset = syscall(SYS_lseek, handle, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    }
    int64_t mine;
    ssize_t done = -1;
    enum fate fate = step(WRITE, &mine);
    if (fate != FAIL) {
        if (fate == SHORT && size > 1)
            size /= 2;
        done = is_placed ? syscall(SYS_pwrite64, handle, data, size, offset) : syscall(SYS_write, handle, data, size);
        if (done > 0)
            note('w', path, "", inode, offset, data, done);
        after(mine);
    }
    int error = errno;
    free(data);
    errno = error;
    return done;
}

ssize_t write(int handle, const void *data, size_t size)
{
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_watched(handle, path, &inode))
        return syscall(SYS_write, handle, data, size);
    struct iovec part = {(void *)data, size};
    return wrote(handle, &part, 1, -1);
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t offset)
{
    struct iovec part = {(void *)data, size};
    return wrote(handle, &part, 1, offset);
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t offset) { return pwrite64(handle, data, size, offset); }
ssize_t writev(int handle, const struct iovec *parts, int count) { return wrote(handle, parts, count, -1); }
ssize_t pwritev64(int handle, const struct iovec *parts, int count, off64_t offset)
{
    return wrote(handle, parts, count, offset);
}
ssize_t pwritev(int handle, const struct iovec *parts, int count, off_t offset)
{
    return wrote(handle, parts, count, offset);
}

static int synced(int handle, long call)
{
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_watched(handle, path, &inode))
        return syscall(call, handle);
    int64_t mine;
    if (step(SYNC, &mine) == FAIL)
        return -1;
    int done = control->skip_sync ? 0 : syscall(call, handle);
    if (!done)
        note('s', path, "", inode, 0, "", 0);
    after(mine);
    return done;
}
int fsync(int handle) { return synced(handle, SYS_fsync); }
int fdatasync(int handle) { return synced(handle, SYS_fdatasync); }

/* Sizes. */

int ftruncate64(int handle, off64_t size)
{
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_watched(handle, path, &inode))
        return syscall(SYS_ftruncate, handle, size);
    int64_t mine;
    if (step(SIZE, &mine) == FAIL)
        return -1;
    int done = syscall(SYS_ftruncate, handle, size);
    if (!done)
        note('t', path, "", inode, size, "", 0);
    after(mine);
    return done;
}
int ftruncate(int handle, off_t size) { return ftruncate64(handle, size); }

int fallocate64(int handle, int mode, off64_t offset, off64_t size)
{
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_watched(handle, path, &inode))
        return syscall(SYS_fallocate, handle, mode, offset, size);
    int64_t mine;
    if (step(SIZE, &mine) == FAIL)
        return -1;
    int done = syscall(SYS_fallocate, handle, mode, offset, size);
    if (!done && !mode)
        note('a', path, "", inode, offset + size, "", 0);
    after(mine);
    return done;
}
int fallocate(int handle, int mode, off_t offset, off_t size) { return fallocate64(handle, mode, offset, size); }
int posix_fallocate64(int handle, off64_t offset, off64_t size)
{
    return fallocate64(handle, 0, offset, size) ? errno : 0;
}
int posix_fallocate(int handle, off_t offset, off_t size) { return posix_fallocate64(handle, offset, size); }

/* Names. */

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    char first[PATH_MAX], second[PATH_MAX];
    int is_ours = is_watched_at(from, old, first) | is_watched_at(to, new, second);
    if (!is_ours)
        return syscall(SYS_renameat2, from, old, to, new, flags);
    BY_NAME('r', first, second, syscall(SYS_renameat2, from, old, to, new, flags));
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    if (!is_watched_at(folder, name, path))
        return syscall(SYS_unlinkat, folder, name, flags);
    BY_NAME('u', path, "", syscall(SYS_unlinkat, folder, name, flags));
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    struct stat about;
    if (!is_watched_at(folder, name, path) || syscall(SYS_newfstatat, AT_FDCWD, path, &about, 0) == 0)
        return syscall(SYS_mkdirat, folder, name, mode);
    BY_NAME('d', path, "", syscall(SYS_mkdirat, folder, name, mode));
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int mkfifoat(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    if (!is_watched_at(folder, name, path))
        return syscall(SYS_mknodat, folder, name, mode | S_IFIFO, 0);
    BY_NAME('f', path, "", syscall(SYS_mknodat, folder, name, mode | S_IFIFO, 0));
}
int mkfifo(const char *name, mode_t mode) { return mkfifoat(AT_FDCWD, name, mode); }

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    char first[PATH_MAX], second[PATH_MAX];
    int is_ours = is_watched_at(from, old, first) | is_watched_at(to, new, second);
    if (!is_ours)
        return syscall(SYS_linkat, from, old, to, new, flags);
    BY_NAME('l', first, second, syscall(SYS_linkat, from, old, to, new, flags));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

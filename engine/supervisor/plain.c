/* The usual course of an attempt, for its supervisor: take its evidence, start its process, reap it. README.md lists
 * the steps and says how to read this file.
 *
 * Two things cannot be done in Python. First, vfork(2): fork(2) copies the page tables of the parent, and afterwards
 * each page that either process writes costs a fault. With vfork(2) the child uses the parent's memory until it
 * executes its program, so it must change nothing that the parent still needs; an interpreter would. Second, to wait
 * without an interpreter: during each wait for a disk or a process, other processes evict the interpreter's working
 * set from the CPU caches, which costs more than the work between two waits. So all waits of a start happen here, in
 * one call.
 *
 * For any unusual case these functions return an error, and the Python implementation takes over. The library is
 * loaded through ctypes, so one build works with every version of Python; where it was not built, Python does
 * everything.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* At which stage a start failed. spawn.py has the same numbers. */
enum { AT_MARKER, AT_PROCESS, AT_FOLDER, AT_PROGRAM, AT_LIMIT };

/* The input of `begin`; plain.py has the same fields. Some texts contain NULs, which end the words in them, so each has
 * its size beside it. */
struct order {
    int file; /* the attempt's evidence, open and locked */
    const char *new, *name; /* its path before the marker is in place, and after */
    const char *control; /* the file of requests to the supervisor: cancel, kill */
    const char *shelf;   /* the folder of these three paths */
    const char *content; /* of the evidence file: the marker, padded to the file's size */
    int content_size;
    int acks; /* the pipe to the engine, for acknowledgements */
    const char *ack; /* the line that acknowledges this order */
    int ack_size;
    char *paths; /* candidate paths of the program, in order */
    int paths_size;
    char *argv;
    int argv_size;
    char *env;
    int env_size;
    const char *folder;
    int input;
    int umask;
    unsigned long long core_soft, core_hard; /* RLIMIT_CORE of the job */
    int is_spared;       /* this process is protected from the OOM killer; the job must not inherit that */
    int may_gain_rights; /* by programs like sudo: PR_SET_NO_NEW_PRIVS stays unset */
    int roused, bereaved; /* descriptors: readable after a request, and after the end of any child */
    int milliseconds;    /* how long the first wait may last */
    unsigned long long changed; /* signals that are caught or ignored: bit 0 for signal 1, and so on */
    long long start_by; /* microseconds since boot: later, nothing is executed any more; 0 for never */
};

struct begun {
    int stage;        /* one of AT_*, when begin failed */
    int pid, handle;  /* the process, and its pidfd, or minus errno(3) of pidfd_open(2) */
    int output, held; /* the read end of its output, and the write end, which `reap` closes: see there */
    int has_output, has_ended, is_roused; /* what the first wait found */
};

struct ended {
    long long status, max_rss_kb, cpu_microseconds;
    long long is_quiet; /* its output is read to the end, and no process has it open for writing */
    long long is_alone; /* the supervisor has no child left */
};

#define LAST_SIGNAL 64

struct job {
    char **paths; /* like argv and env: ends with NULL */
    char **argv;
    char **env;
    const struct order *order;
    int output;
    pid_t supervisor;
};

/* Resets signals in the child. A caught signal would run the parent's handler in the parent's memory: execve(2) would
 * reset it too, but only after signals are unblocked. An ignored signal would stay ignored in the job. */
static void reset_signals(unsigned long long changed)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (changed >> (number - 1) & 1)
            sigaction(number, &action, NULL);
}

/* The signals that this process catches or ignores, one bit for each. */
unsigned long long changed_signals(void)
{
    struct sigaction action;
    unsigned long long changed = 0;

    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            changed |= 1ull << (number - 1);
    return changed;
}

/* Undoes the engine's protection from the OOM killer for the job. The process must be dumpable first: otherwise the
 * file belongs to root, and its own user cannot write it, see proc(5). */
static void be_as_killable_as_others(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int handle = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (handle >= 0) {
        if (write(handle, "0", 1) < 0) { /* it stays protected: no reason not to run the job */
        }
        close(handle);
    }
}

/* Steps 5 to 12, in the child. Returns errno(3), and only when something failed.
 *
 * Never inlined: child and parent share one stack, so variables of this function in the frame of `start` would be
 * overwritten there. `stage` is volatile because the parent reads what the child wrote. */
__attribute__((noinline)) static int become(const struct job *job, volatile int *stage)
{
    const struct order *order = job->order;
    const struct rlimit core = {order->core_soft, order->core_hard};
    int found = ENOENT;
    sigset_t none;

    setpgid(0, 0); /* step 5: a group of its own, so that one kill(2) reaches all of the job */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != job->supervisor)
        _exit(1); /* the supervisor died before prctl took effect, so no signal will come */
    if (order->is_spared) /* step 6 */
        be_as_killable_as_others();
    dup2(order->input, STDIN_FILENO); /* step 7 */
    dup2(job->output, STDOUT_FILENO);
    dup2(job->output, STDERR_FILENO);
    reset_signals(order->changed); /* step 8 */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(order->umask); /* step 9 */
    *stage = AT_LIMIT;
    if (setrlimit(RLIMIT_CORE, &core) < 0)
        return errno;
    if (!order->may_gain_rights && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) /* step 10 */
        return errno;
    *stage = AT_FOLDER;
    if (chdir(order->folder) < 0) /* step 11 */
        return errno;
    *stage = AT_PROGRAM;
    /* step 12 */
    for (char **path = job->paths; *path != NULL; path++) {
        execve(*path, job->argv, job->env);
        if (errno != ENOENT && errno != ENOTDIR)
            found = errno;
    }
    return found;
}

/* A NULL-terminated array of pointers to words that follow each other in memory, each ended by a NUL. The words are not
 * copied. Returns NULL when there is no memory. */
static char **pointers(char *words, size_t size)
{
    size_t count = 0;

    for (size_t at = 0; at < size; at++)
        count += words[at] == '\0';
    char **found = malloc((count + 1) * sizeof *found);
    if (found == NULL)
        return NULL;
    for (size_t number = 0; number < count; number++, words += strlen(words) + 1)
        found[number] = words;
    found[count] = NULL;
    return found;
}

/* Step 4: makes the process. Returns 0 or errno(3).
 *
 * All signals are blocked around vfork: the child must run no handler in the parent's memory. The child reports a
 * failure by setting `problem`, which the parent sees because it is the same memory; so both are volatile. */
static int start(const struct job *job, struct begun *begun)
{
    sigset_t every, before;
    volatile int stage = AT_PROCESS, problem = 0;

    sigfillset(&every);
    sigprocmask(SIG_SETMASK, &every, &before);
    pid_t pid = vfork();
    if (pid == 0) {
        problem = become(job, &stage);
        _exit(127);
    }
    if (pid < 0)
        problem = errno;
    else if (problem)
        waitpid(pid, NULL, 0);
    if (job->order->is_spared)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the flag belongs to the shared memory: the child set it here too */
    sigprocmask(SIG_SETMASK, &before, NULL);
    begun->stage = stage;
    begun->pid = pid;
    return problem;
}

static int is_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static int is_same(const char *path, int file)
{
    struct stat found, held;

    return lstat(path, &found) == 0 && fstat(file, &held) == 0 && found.st_ino == held.st_ino;
}

/* Opens and locks the file that becomes an attempt's evidence. Returns its descriptor, or -1 for any unusual case: a
 * lock held by another process, or a file that was replaced or is in place already.
 *
 * The order matters: other supervisors rename the file only while they hold its lock, so `is_same` and the look for
 * `name` come after locking. O_NOFOLLOW and O_NONBLOCK: a job may have put a link or a named pipe there. */
int take(const char *run, const char *scratch, const char *new, const char *name)
{
    struct stat found;

    if (!is_folder(run) || !is_folder(scratch))
        return -1;
    int file = open(new, O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    if (flock(file, LOCK_EX | LOCK_NB) == 0 && is_same(new, file) && lstat(name, &found) < 0 && errno == ENOENT)
        return file;
    close(file);
    return -1;
}

/* Whether the open evidence file is still at its path with its rights and marker, and the attempt's folder, if there is
 * one, is accessible. A job runs as the same user and can change all of these. */
int is_whole(int file, const char *name, const char *marker, int size, const char *folder)
{
    char found[size];
    struct stat about;

    return is_same(name, file) && fstat(file, &about) == 0 && (about.st_mode & 0777) == 0600 &&
           pread(file, found, size, 0) == size && memcmp(found, marker, size) == 0 &&
           (lstat(folder, &about) < 0 || (about.st_mode & (S_IFMT | 0777)) == (S_IFDIR | 0700));
}

/* Whether it is too late to start: the lease of the attempt has ended, or is about to. */
static int is_late(const struct order *order)
{
    struct timespec now;

    return order->start_by != 0 && clock_gettime(CLOCK_BOOTTIME, &now) == 0 &&
           now.tv_sec * 1000000LL + now.tv_nsec / 1000 >= order->start_by;
}

/* Step 1: writes the marker, renames the file to its final path, and syncs both the file and the folder, because an
 * attempt with a marker counts as executed, after a power cut too. A disk may take long for that, and the lease of the
 * attempt may end meanwhile. Returns 0 or errno(3). */
static int mark(const struct order *order)
{
    ssize_t written = TEMP_FAILURE_RETRY(pwrite(order->file, order->content, order->content_size, 0));
    if (written != order->content_size)
        return written < 0 ? errno : ENOSPC;
    if (rename(order->new, order->name) < 0 || TEMP_FAILURE_RETRY(fsync(order->file)) < 0)
        return errno;
    int folder = open(order->shelf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    int problem = TEMP_FAILURE_RETRY(fsync(folder)) < 0 ? errno : 0;
    close(folder);
    return problem == 0 && is_late(order) ? ETIME : problem;
}

/* Steps 1 to 13: from the marker to the first event that the supervisor must handle.
 *
 * Returns 0, or errno(3) with the stage in `begun`; after an error no process and no descriptor is left. */
int begin(const struct order *order, struct begun *begun)
{
    int ends[2];

    begun->stage = AT_MARKER;
    int problem = mark(order); /* step 1 */
    if (problem)
        return problem;
    /* step 2 */
    if (TEMP_FAILURE_RETRY(write(order->acks, order->ack, order->ack_size)) < 0) {
        /* the engine that sent the order is gone; the next one reads the evidence */
    }
    begun->stage = AT_PROCESS;
    if (pipe2(ends, O_CLOEXEC) < 0) /* step 3 */
        return errno;
    struct job job = {
        .paths = pointers(order->paths, order->paths_size),
        .argv = pointers(order->argv, order->argv_size),
        .env = pointers(order->env, order->env_size),
        .order = order,
        .output = ends[1],
        .supervisor = getpid(),
    };
    problem = ENOMEM;
    if (job.paths != NULL && job.argv != NULL && job.env != NULL)
        problem = start(&job, begun); /* step 4 */
    free(job.paths);
    free(job.argv);
    free(job.env);
    if (problem) {
        close(ends[0]);
        close(ends[1]);
        return problem;
    }
    begun->output = ends[0];
    begun->held = ends[1];
    fcntl(begun->output, F_SETFL, O_NONBLOCK);
    /* step 13 */
    begun->handle = syscall(SYS_pidfd_open, begun->pid, 0);
    if (begun->handle < 0)
        begun->handle = -errno;
    int milliseconds = order->milliseconds;
    if (begun->handle < 0 || access(order->control, F_OK) == 0)
        milliseconds = 0; /* do not wait: the end could not be noticed without a handle; or a request was written before
                           * the marker, when its author did not know yet which process to wake */
    struct pollfd waits[] = {
        {begun->output, POLLIN, 0},
        {begun->handle, POLLIN, 0},
        {order->roused, POLLIN, 0},
        {order->bereaved, POLLIN, 0},
    };
    poll(waits, 4, milliseconds);
    begun->has_output = waits[0].revents;
    begun->has_ended = waits[1].revents;
    begun->is_roused = waits[2].revents;
    return 0;
}

/* Reaps a process that has ended, and closes our write end of its output, so that the output can end. Returns 0 or
 * errno(3).
 *
 * Until now our write end kept the output open. Otherwise poll(2) would report the end of the output first and the end
 * of the process a moment later, and the supervisor would be woken twice for each end. */
int reap(int pid, int held, int output, struct ended *ended)
{
    struct rusage used;
    int status;

    if (TEMP_FAILURE_RETRY(wait4(pid, &status, 0, &used)) < 0)
        return errno;
    close(held);
    ended->status = status;
    ended->max_rss_kb = used.ru_maxrss;
    ended->cpu_microseconds = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec +
                              used.ru_stime.tv_usec;
    struct pollfd rest = {output, POLLIN, 0};
    ended->is_quiet = poll(&rest, 1, 0) == 1 && rest.revents == POLLHUP;
    ended->is_alone = waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD;
    return 0;
}

/* The plain course of an attempt, for its supervisor: its evidence is taken, it begins, it ends. README.md has the
 * steps and says how to read this.
 *
 * Two things cannot be done in Python. fork(2) gives a new process a copy of its parent's memory, and both pay for it:
 * for the tables of its pages, and for a fault at each page that either touches next. vfork(2) lends it its parent's
 * memory until it executes its program; meanwhile it must touch nothing that its parent still uses. And after each
 * wait for a disk or a process an interpreter's working set has been evicted from the caches, which costs more than
 * what it does between two waits: so all waits of a beginning happen here, in one call.
 *
 * For any unusual case these functions return an error, and the Python implementation takes over. Loaded through
 * ctypes, so it is tied to no version of Python; where it was not built, Python does everything.
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
#include <unistd.h>

/* Where a beginning failed; spawn.py has the same numbers. */
enum { AT_MARKER, AT_PROCESS, AT_FOLDER, AT_PROGRAM, AT_LIMIT };

/* What begin does; plain.py has the same fields. Bytes have their size beside them: NULs separate the words in them. */
struct order {
    int file; /* the attempt's evidence, locked; its name until it is begun and from then on */
    const char *new, *name;
    const char *control; /* what is wished of the attempt */
    const char *shelf;   /* the folder of all three */
    const char *content; /* of the evidence */
    int content_size;
    int acks; /* where it is acknowledged that the order was taken, and how */
    const char *ack;
    int ack_size;
    char *paths; /* where the program may be, in order */
    int paths_size;
    char *argv;
    int argv_size;
    char *env;
    int env_size;
    const char *folder;
    int input;
    int umask;
    unsigned long long core_soft, core_hard; /* how large its core may be */
    int is_spared;       /* this process is, when memory runs out; its job shall not be */
    int may_gain_rights; /* as sudo gives them: PR_SET_NO_NEW_PRIVS is left off */
    int roused, bereaved; /* readable on a request, and when another child has ended */
    int milliseconds;
    unsigned long long changed; /* signals that are caught or ignored, a bit for each, the first for signal 1 */
};

struct begun {
    int stage;
    int pid, handle;  /* the process, by its id and by pidfd_open(2): that, or minus errno(3) */
    int output, held; /* both ends of its output; while it runs the other one is held open */
    int has_output, has_ended, is_roused;
};

struct ended {
    long long status, max_rss_kb, cpu_microseconds;
    long long is_quiet; /* nothing is left of its output, and nobody can write more */
    long long is_alone; /* its supervisor has no other child */
};

#define LAST_SIGNAL 64

struct job {
    char **paths; /* where the program may be, in order; the last is NULL */
    char **argv;
    char **env;
    const struct order *order;
    int output;
    pid_t supervisor;
};

/* A caught signal would run its parent's handler, in its parent's memory: execve(2) resets it, and this does sooner.
 * An ignored one would stay ignored. */
static void reset_signals(unsigned long long changed)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (changed >> (number - 1) & 1)
            sigaction(number, &action, NULL);
}

/* Which signals this process catches or ignores, a bit for each. */
unsigned long long changed_signals(void)
{
    struct sigaction action;
    unsigned long long changed = 0;

    for (int number = 1; number <= LAST_SIGNAL; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            changed |= 1ull << (number - 1);
    return changed;
}

/* The engine is spared when memory runs out, its jobs are not. The file is opened to its user first: proc(5). */
static void be_as_killable_as_others(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int handle = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (handle >= 0) {
        if (write(handle, "0", 1) < 0) { /* then it stays as it is */
        }
        close(handle);
    }
}

/* In the child; never inlined, so that nothing of it is kept where its parent continues. Returns only with what went
 * wrong. */
__attribute__((noinline)) static int become(const struct job *job, volatile int *stage)
{
    const struct order *order = job->order;
    const struct rlimit core = {order->core_soft, order->core_hard};
    int found = ENOENT;
    sigset_t none;

    setpgid(0, 0); /* step 5 */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != job->supervisor)
        _exit(1); /* it died before the line above could be for it */
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

/* Words as the system takes them: pointers to each, and NULL. They come one after the other, each with its end, and
 * stay where they are. NULL where there is no memory. */
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

/* Makes the process; 0 or errno(3). */
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
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the memory that was opened was this one */
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

/* The file that is to be an attempt's evidence, locked, if that is there for the taking; -1 where it is not so plain. */
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

/* Whether it is where others find it, says what it said, and the attempt's folder, where there is one, is open. */
int is_whole(int file, const char *name, const char *marker, int size, const char *folder)
{
    char found[size];
    struct stat about;

    return is_same(name, file) && fstat(file, &about) == 0 && (about.st_mode & 0777) == 0600 &&
           pread(file, found, size, 0) == size && memcmp(found, marker, size) == 0 &&
           (lstat(folder, &about) < 0 || (about.st_mode & (S_IFMT | 0777)) == (S_IFDIR | 0700));
}

/* Where the marker is found, the attempt counts as executed: so it is on the disk first, file and folder. 0 or
 * errno(3). */
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
    return problem;
}

/* All from an attempt's marker to the first thing that its supervisor has to think about.
 *
 * Returns 0 or errno(3), with the stage at which it failed; then no process is left of it, and no handle. */
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
        milliseconds = 0; /* its end could not be seen; or a wish by somebody who could not see yet whom to rouse */
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

/* Take in the end of a process that has ended; from now on its output can end, too. 0 or errno(3). */
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

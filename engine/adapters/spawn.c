/* Begin an attempt: its marker on the disk, a new process turned into the job's program without a copy of its
 * supervisor, and the first wait.
 *
 * fork(2) gives the child a copy of its parent's memory, and both pay for it: the tables of its pages, and a fault
 * at each page that either touches next. For a short job that is a third of all it costs. vfork(2)
 * lends the child its parent's memory until it executes its program. What a child does meanwhile is here and not
 * in Python, because it must touch nothing that its parent goes on with: system calls, and no more.
 *
 * Loaded through ctypes, so it is tied to no version of Python. Where it was not built, spawning.py forks.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where it failed; spawning.py has the same numbers. */
enum { AT_MARKER, AT_PROCESS, AT_FOLDER, AT_PROGRAM };

struct begun {
    int stage;
    int pid, handle;  /* the process, by its id and by pidfd_open(2) */
    int output, held; /* both ends of its output; while it runs the other one is held open */
    int has_output, has_ended, is_roused;
};

/* Python can catch those from here on, too; a supervisor does not. */
#define FIRST_REAL_TIME 32

struct job {
    char **paths; /* where the program may be, in order; the last is NULL */
    char **argv;
    char **env;
    const char *folder;
    int input, output;
    int is_spared;
    pid_t supervisor;
};

/* A caught signal would run its parent's handler, in its parent's memory: execve(2) resets it, and this does sooner. */
static void reset_signals(void)
{
    struct sigaction action;

    for (int number = 1; number < FIRST_REAL_TIME; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
            action.sa_handler = SIG_DFL;
            action.sa_flags = 0;
            sigaction(number, &action, NULL);
        }
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

/* In the child; never inlined, so that nothing of it is kept where its parent goes on. Returns only with what went
 * wrong. */
__attribute__((noinline)) static int become(const struct job *job, const sigset_t *mask, volatile int *stage)
{
    int found = ENOENT;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != job->supervisor)
        _exit(1); /* it died before the line above could be for it */
    if (job->is_spared)
        be_as_killable_as_others();
    dup2(job->input, STDIN_FILENO);
    dup2(job->output, STDOUT_FILENO);
    dup2(job->output, STDERR_FILENO);
    reset_signals();
    sigprocmask(SIG_SETMASK, mask, NULL);
    *stage = AT_FOLDER;
    if (chdir(job->folder) < 0)
        return errno;
    *stage = AT_PROGRAM;
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
        problem = become(job, &before, &stage);
        _exit(127);
    }
    if (pid < 0)
        problem = errno;
    else if (problem)
        waitpid(pid, NULL, 0);
    if (job->is_spared)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the memory that was opened was this one */
    sigprocmask(SIG_SETMASK, &before, NULL);
    begun->stage = stage;
    begun->pid = pid;
    return problem;
}

/* Where its marker is found, the attempt counts as executed: so it is on the disk first, file and folder. */
static int sync_marker(int marker, const char *shelf)
{
    if (fsync(marker) < 0)
        return errno;
    int folder = open(shelf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    int problem = fsync(folder) < 0 ? errno : 0;
    close(folder);
    return problem;
}

/* All from an attempt's marker to the first thing that its supervisor has to think about, in one go: after each wait
 * for a disk or a process an interpreter has to find its memory again, which costs more than the work between.
 *
 * Returns 0 or errno(3), with the stage at which it failed; then no process is left of it, and no handle. */
int begin(int marker, const char *shelf, int acks, const char *ack, int ack_size, char *paths, int paths_size, char *argv,
          int argv_size, char *env, int env_size, const char *folder, int input, int is_spared, int roused,
          int milliseconds, struct begun *begun)
{
    int ends[2];

    begun->stage = AT_MARKER;
    int problem = sync_marker(marker, shelf);
    if (problem)
        return problem;
    if (write(acks, ack, ack_size) < 0) { /* the engine that sent the order is gone; the next one reads the evidence */
    }
    begun->stage = AT_PROCESS;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    struct job job = {
        pointers(paths, paths_size), pointers(argv, argv_size), pointers(env, env_size), folder, input, ends[1],
        is_spared, getpid(),
    };
    problem = ENOMEM;
    if (job.paths != NULL && job.argv != NULL && job.env != NULL)
        problem = start(&job, begun);
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
    begun->handle = syscall(SYS_pidfd_open, begun->pid, 0);
    struct pollfd waits[] = {{begun->output, POLLIN, 0}, {begun->handle, POLLIN, 0}, {roused, POLLIN, 0}};
    poll(waits, 3, milliseconds);
    begun->has_output = waits[0].revents;
    begun->has_ended = waits[1].revents;
    begun->is_roused = waits[2].revents;
    return 0;
}

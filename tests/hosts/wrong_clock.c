/* The clock of a host that is wrong: preloaded into all of its processes by /etc/ld.so.preload.
 *
 * /etc/wrong-clock has three numbers, which a test changes while processes run: how far the wall clock is ahead, in
 * seconds; how much faster than it should CLOCK_BOOTTIME runs, as a share; and since when, on the true CLOCK_BOOTTIME.
 * CLOCK_MONOTONIC is always true. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define NO_WALL_CLOCK 1000000000LL /* an instant before this many seconds is one of CLOCK_BOOTTIME */

struct wrong {
    double ahead, drift, since;
};

static const struct wrong right;
static volatile const struct wrong *wrong = &right;

__attribute__((constructor)) static void find(void)
{
    int file = open("/etc/wrong-clock", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof(struct wrong), PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        wrong = found;
    close(file);
}

static double seconds(const struct timespec *at)
{
    return at->tv_sec + at->tv_nsec / 1e9;
}

static void move(struct timespec *at, double by)
{
    long long moved = at->tv_sec * SECOND + at->tv_nsec + (long long)(by * 1e9);
    at->tv_sec = moved / SECOND;
    at->tv_nsec = moved % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    if (syscall(SYS_clock_gettime, clock, at) < 0)
        return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        move(at, wrong->ahead);
    if (clock == CLOCK_BOOTTIME)
        move(at, (seconds(at) - wrong->since) * wrong->drift);
    return 0;
}

int gettimeofday(struct timeval *at, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL)
        *at = now.tv_sec;
    return now.tv_sec;
}

/* An instant of CLOCK_BOOTTIME, as this host knows it, is another one for the kernel. */
int timer_settime(timer_t timer, int flags, const struct itimerspec *wanted, struct itimerspec *before)
{
    int (*next)(timer_t, int, const struct itimerspec *, struct itimerspec *) = dlsym(RTLD_NEXT, "timer_settime");
    struct itimerspec true_one = *wanted;

    if ((flags & TIMER_ABSTIME) && wanted->it_value.tv_sec < NO_WALL_CLOCK && seconds(&wanted->it_value) > 0)
        move(&true_one.it_value, -(seconds(&wanted->it_value) - wrong->since) * wrong->drift / (1 + wrong->drift));
    return next(timer, flags, &true_one, before);
}

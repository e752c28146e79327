/* Many events, from many threads, whose arguments a test can work out: `tick.rs` has the same arithmetic.
 *
 * `threads THREADS EVENTS`: each `t` on its standard input makes THREADS threads fire EVENTS events each. An `n` does
 * the same with threads that are made for it, an `f` with a forked process of one thread. Then it says `done`; when it
 * has started, `ready`. It ends with its input. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"

SEMAPHORE(threads, tick);
SEMAPHORE(threads, done);
SEMAPHORE(threads, real);

#ifdef OTHER_SIGN
typedef uint32_t small_type;
#else
typedef int32_t small_type;
#endif

#define WORDS 5
#define HASHES 7
#define MOST 64

static const char *volatile words[WORDS] = {"", "inv", "headers", "a word of seventy bytes, which is more than a key may have: cut there", "žluť"};
static uint8_t hashes[HASHES][32];
static volatile double half = 0.5;

static long events;
static int threads;
static pthread_barrier_t start, end;

struct thread {
    uint64_t number;
    /* Goes on from one batch to the next. */
    uint64_t sequence;
    int standing;
} all[MOST];

/* splitmix64's last step. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

#define TICK                                                                                             \
    if (ACTIVE(threads, tick))                                                                           \
    STAP_PROBE8(threads, tick, wide, large, small, key, word, hash, sequence, tid)

/* Two call sites, with operands of their own. */
static __attribute__((noinline)) void even(int64_t wide, uint64_t large, small_type small, uint8_t key,
    const char *word, const uint8_t *hash, uint64_t sequence, int32_t tid)
{
    TICK;
}

static __attribute__((noinline)) void odd(int32_t tid, uint64_t sequence, const uint8_t *hash, const char *word,
    uint8_t key, small_type small, uint64_t large, int64_t wide)
{
    TICK;
}

static __attribute__((noinline)) void done(int32_t threads, int64_t events)
{
    if (ACTIVE(threads, done))
        STAP_PROBE2(threads, done, threads, events);
}

static __attribute__((noinline)) void real(double half, int64_t events)
{
    if (ACTIVE(threads, real))
        STAP_PROBE2(threads, real, half, events);
}

static void batch(struct thread *thread)
{
    int32_t tid = syscall(SYS_gettid);
    for (long i = 0; i < events; i++) {
        uint64_t n = thread->sequence++;
        uint64_t x = mixed(n * MOST + thread->number);
        /* Of five the smallest twice and the greatest once: the sum takes more than 64 bits. */
        int64_t wide = n % 5 < 2 ? INT64_MIN : n % 5 == 2 ? INT64_MAX : (int64_t)x;
        uint64_t large = n % 3 == 0 ? UINT64_MAX : n % 3 == 1 ? x : 0;
        small_type small = (int32_t)(x % 16) - 8;
        uint8_t key = 255 - (x >> 8) % 16;
        const char *word = words[(x >> 16) % WORDS];
        const uint8_t *hash = hashes[(x >> 24) % HASHES];
        if (n % 2 == 0)
            even(wide, large, small, key, word, hash, n, tid);
        else
            odd(tid, n, hash, word, key, small, large, wide);
    }
}

static void *run(void *argument)
{
    struct thread *thread = argument;
    char name[16];
    snprintf(name, sizeof name, "thread %d", (int)thread->number);
    pthread_setname_np(pthread_self(), name);
    if (!thread->standing) {
        batch(thread);
        return 0;
    }
    for (;;) {
        pthread_barrier_wait(&start);
        batch(thread);
        pthread_barrier_wait(&end);
    }
}

int main(int argc, char **argv)
{
    threads = argc > 2 ? atoi(argv[1]) : 1;
    events = argc > 2 ? atol(argv[2]) : 1;
    if (threads < 1 || threads > MOST)
        return 2;
    /* Also touches them: a tracer cannot read a page that the program has not. */
    for (int i = 0; i < HASHES; i++)
        for (int k = 0; k < 32; k++)
            hashes[i][k] = i * 32 + k;
    for (int i = 0; i < WORDS; i++)
        (void)*(const volatile char *)words[i];
    pthread_barrier_init(&start, 0, threads);
    pthread_barrier_init(&end, 0, threads);
    pthread_t ids[MOST];
    for (int i = 0; i < threads; i++) {
        all[i].number = i;
        all[i].standing = i > 0;
        if (i > 0 && pthread_create(&ids[i], 0, run, &all[i]))
            return 3;
    }
    puts("ready");
    fflush(stdout);
    int command;
    while ((command = getchar()) != EOF) {
        if (command == 't') {
            /* The first is this one. */
            pthread_barrier_wait(&start);
            batch(&all[0]);
            pthread_barrier_wait(&end);
        } else if (command == 'f') {
            pid_t child = fork();
            if (child == 0) {
                batch(&all[0]);
                _exit(0);
            }
            if (child < 0 || waitpid(child, 0, 0) != child)
                return 4;
        } else {
            struct thread new[MOST];
            pthread_t made[MOST];
            for (int i = 0; i < threads; i++) {
                new[i] = (struct thread){.number = i, .sequence = all[i].sequence};
                if (pthread_create(&made[i], 0, run, &new[i]))
                    return 3;
            }
            for (int i = 0; i < threads; i++) {
                pthread_join(made[i], 0);
                all[i].sequence = new[i].sequence;
            }
        }
        done(threads, events);
        real(half, events);
        puts("done");
        fflush(stdout);
    }
    return 0;
}

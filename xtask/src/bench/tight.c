// Fires one tracepoint as fast as it can, on several threads, and writes how many nanoseconds an event took.
//
// tight EVENTS-PER-THREAD THREADS FILE
#define SDT_USE_VARIADIC 1
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__extension__ unsigned short bench_event_semaphore __attribute__((unused, section(".probes")));

static uint64_t events;

__attribute__((noinline)) static void fire(uint64_t counter, int64_t value)
{
    if (__atomic_load_n(&bench_event_semaphore, __ATOMIC_RELAXED))
        STAP_PROBE2(bench, event, counter, value);
}

static void *loop(void *thread)
{
    // Values of both signs and many sizes, which add up to something that can be computed.
    for (uint64_t i = 0; i < events; i++)
        fire(i, (int64_t)(i % 1000003) - 500001);
    return thread;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    events = strtoull(argv[1], NULL, 10);
    int threads = atoi(argv[2]);
    pthread_t *all = calloc(threads, sizeof *all);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < threads; i++)
        pthread_create(&all[i], NULL, loop, NULL);
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
    FILE *file = fopen(argv[3], "w");
    if (!file)
        return 1;
    fprintf(file, "%.2f\n", ns / events);
    return fclose(file) != 0;
}

/* sys/sdt.h with -DSEMAPHORES as Bitcoin Core has it: a tracepoint fires only while its semaphore is raised. */
#ifdef SEMAPHORES
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(provider, name) \
    volatile unsigned short provider##_##name##_semaphore __attribute__((section(".probes"), used))
#define ACTIVE(provider, name) (provider##_##name##_semaphore > 0)
#else
#define SEMAPHORE(provider, name) extern int no_semaphore
#define ACTIVE(provider, name) 1
#endif
#include <sys/sdt.h>

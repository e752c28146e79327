#include <stdint.h>

#ifdef SEMAPHORES
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(name) \
    volatile unsigned short sdt_##name##_semaphore __attribute__((section(".probes"), used))
#define ACTIVE(name) (sdt_##name##_semaphore > 0)
#else
#define SEMAPHORE(name) extern int no_semaphore
#define ACTIVE(name) 1
#endif
#include <sys/sdt.h>

#define NOINLINE __attribute__((noinline))
#define ESCAPE(pointer) __asm__ volatile("" ::"r"(pointer) : "memory")

/* Declared here, so that a compiler for another machine needs no C library's headers. */
extern long atol(const char *);
extern long read(int, void *, unsigned long);

static volatile long two = 2;


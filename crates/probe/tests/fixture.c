/* Tracepoints without sys/sdt.h: each note is written by hand, in the format that sdt.h version 3 writes.
 * Built with -DSEMAPHORES every tracepoint is gated by a counter, as Bitcoin Core has it since v29. */
#include <stdio.h>
#include <stdlib.h>

#ifdef SEMAPHORES
#define SEMAPHORE(provider, name) \
    volatile unsigned short provider##_##name##_semaphore __attribute__((section(".probes"), used))
#define SEMAPHORE_ADDRESS(provider, name) #provider "_" #name "_semaphore"
#define ACTIVE(provider, name) (provider##_##name##_semaphore > 0)
#else
#define SEMAPHORE(provider, name) extern int no_semaphore
#define SEMAPHORE_ADDRESS(provider, name) "0"
#define ACTIVE(provider, name) 1
#endif

#define PROBE(provider, name, args, ...)                                     \
    do {                                                                     \
        if (ACTIVE(provider, name))                                          \
            __asm__ volatile(                                                \
                "990: nop\n"                                                 \
                ".pushsection .note.stapsdt,\"\",\"note\"\n"                 \
                ".balign 4\n"                                                \
                ".4byte 992f-991f, 994f-993f, 3\n"                           \
                "991: .asciz \"stapsdt\"\n"                                  \
                "992: .balign 4\n"                                           \
                "993: .8byte 990b\n"                                         \
                ".8byte _.stapsdt.base\n"                                    \
                ".8byte " SEMAPHORE_ADDRESS(provider, name) "\n"             \
                ".asciz \"" #provider "\"\n"                                 \
                ".asciz \"" #name "\"\n"                                     \
                ".asciz \"" args "\"\n"                                      \
                "994: .balign 4\n"                                           \
                ".popsection\n"                                              \
                ".ifndef _.stapsdt.base\n"                                   \
                ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
                ".weak _.stapsdt.base\n"                                     \
                ".hidden _.stapsdt.base\n"                                   \
                "_.stapsdt.base: .space 1\n"                                 \
                ".size _.stapsdt.base, 1\n"                                  \
                ".popsection\n"                                              \
                ".endif\n" ::__VA_ARGS__);                                   \
    } while (0)

SEMAPHORE(fixture, no_args);
SEMAPHORE(fixture, two_sites);
SEMAPHORE(fixture, constant);

int main(int argc, char **argv)
{
    long wide = atol(argc > 1 ? argv[1] : "7");
    int narrow = (int)wide;
    PROBE(fixture, no_args, "", "r"(0));
    PROBE(fixture, two_sites, "-8@%0 -4@%1", "nor"(wide), "nor"(narrow));
    PROBE(fixture, two_sites, "-4@%1 -8@%0", "nor"(wide), "nor"(narrow));
    PROBE(fixture, constant, "-4@%0 1@%1", "n"(-5), "n"(1));
    printf("%ld\n", wide);
    return 0;
}

/* Stands for bitcoind: fires tracepoints of the documented interface, and two of its own, a known number of times
 * with known arguments. Gated by semaphores, as Bitcoin Core is since v29.
 *
 *   fixture N [EXIT]       N rounds, then exits with EXIT
 *   fixture N lines        N rounds for each line on standard input; says "done" after each; ends with the input
 *   fixture N until-term   N rounds, then one call of fixture:ended on SIGTERM or SIGINT, as bitcoind's shutdown
 */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>

#define SEMAPHORE(provider, name) \
    unsigned short provider##_##name##_semaphore __attribute__((section(".probes"), used))
#define ON(provider, name) (*(volatile unsigned short *)&provider##_##name##_semaphore > 0)

SEMAPHORE(utxocache, add);
SEMAPHORE(net, inbound_message);
SEMAPHORE(fixture, own);
SEMAPHORE(fixture, ended);

/* Another build of it counts otherwise. */
#ifndef STEP
#define STEP 1
#endif

static void one_round(int64_t round)
{
    static unsigned char txid[32];
    static char text[16];
    uint32_t index = (uint32_t)(round % 3), height = 100;
    int64_t value = round * STEP;
    uint8_t coinbase = round % 2;
    /* Four txids; Bitcoin Core shows the last byte first. */
    txid[31] = 0xf0;
    txid[0] = (unsigned char)(round % 4);
#ifndef WITHOUT_ADD
    if (ON(utxocache, add))
        DTRACE_PROBE5(utxocache, add, txid, index, height, value, coinbase);
#endif
    if (ON(net, inbound_message) && round % 10 == 0) {
        int64_t peer = round / 10;
        /* On the stack: a literal's page that nobody read yet is not there for a tracer. */
        char address[] = "127.0.0.1:8333", connection[] = "inbound", type[12];
        strcpy(type, round % 20 == 0 ? "inv" : "odd name");
        uint64_t size = (uint64_t)(round % 100);
        static unsigned char message[100] = {0xfa, 0xbf};
        DTRACE_PROBE6(net, inbound_message, peer, address, connection, type, size, message);
    }
    if (ON(fixture, own)) {
        int32_t negative = (int32_t)-round;
        snprintf(text, sizeof text, "round %d", (int)(round % 2));
        DTRACE_PROBE3(fixture, own, negative, text, txid);
    }
}

static void rounds(int64_t count)
{
    for (int64_t round = 0; round < count; round++)
        one_round(round);
}

static volatile sig_atomic_t asked;

static void ask(int signal)
{
    asked = signal;
}

int main(int argc, char **argv)
{
    int64_t count = argc > 1 ? atoll(argv[1]) : 1;
    const char *how = argc > 2 ? argv[2] : "0";
    if (strcmp(how, "lines") == 0) {
        char line[64];
        while (fgets(line, sizeof line, stdin)) {
            rounds(count);
            puts("done");
            fflush(stdout);
        }
        return 0;
    }
    if (strcmp(how, "until-term") == 0) {
        sigset_t both, before;
        sigemptyset(&both);
        sigaddset(&both, SIGTERM);
        sigaddset(&both, SIGINT);
        sigprocmask(SIG_BLOCK, &both, &before);
        signal(SIGTERM, ask);
        signal(SIGINT, ask);
        rounds(count);
        puts("waiting");
        fflush(stdout);
        while (!asked)
            sigsuspend(&before);
        int32_t by = asked;
        /* In a register: the tracer cannot follow an operand that is relative to the instruction. */
        __asm__ volatile("" : "+r"(by));
        if (ON(fixture, ended))
            DTRACE_PROBE1(fixture, ended, by);
        return 0;
    }
    rounds(count);
    return atoi(how);
}

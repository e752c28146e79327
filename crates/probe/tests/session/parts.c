/* Strings and byte arrays that are hard to read. `parts`: each byte on its standard input makes every call below once,
 * in this order; then it says `done`, and first of all `ready`. `parts.rs` has the same table. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "gate.h"

SEMAPHORE(parts, text);
SEMAPHORE(parts, bytes);

#define PAGE 4096
#define LONG 10000

static char number[LONG + 1];
static uint8_t data[LONG];

static __attribute__((noinline)) void text(const void *address)
{
    if (ACTIVE(parts, text))
        STAP_PROBE1(parts, text, address);
}

static __attribute__((noinline)) void bytes(const void *address, uint64_t length)
{
    if (ACTIVE(parts, bytes))
        STAP_PROBE2(parts, bytes, address, length);
}

static void *pages(int count, int protection)
{
    void *made = mmap(0, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? 0 : made;
}

int main(void)
{
    memset(number, 'x', LONG);
    for (int i = 0; i < LONG; i++)
        data[i] = i;
    /* The end of a page, and nothing after it. */
    char *end = (char *)pages(2, PROT_READ | PROT_WRITE) + PAGE;
    memset(end - PAGE, 'y', PAGE);
    char *terminated = (char *)pages(2, PROT_READ | PROT_WRITE) + PAGE;
    memset(terminated - PAGE, 'z', PAGE - 1);
    void *unmapped = pages(1, PROT_READ);
    void *forbidden = pages(1, PROT_NONE);
    void *untouched = pages(1, PROT_READ);
    if (munmap(unmapped, PAGE) || munmap(end, PAGE) || mprotect(terminated, PAGE, PROT_NONE))
        return 1;

    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {
        text("");
        text("a");
        text("1234567");
        text("12345678");
        text(number);
        text(terminated - 16);
        text(end - 16);
        text(0);
        text(unmapped);
        text(forbidden);
        text(untouched);
        /* The kernel's, and nobody's. */
        text((void *)0xffffffff81000000);
        text((void *)0x8000000000000000);

        bytes(data, 0);
        bytes(data, 1);
        bytes(data, 32);
        bytes(data, 33);
        bytes(data, LONG);
        bytes(data, (uint64_t)1 << 40);
        bytes(end - 32, 32);
        bytes(end - 16, 32);
        bytes(0, 0);
        bytes(0, 32);
        bytes(unmapped, 32);
        bytes(forbidden, 32);
        bytes(untouched, 32);

        puts("done");
        fflush(stdout);
    }
    return 0;
}

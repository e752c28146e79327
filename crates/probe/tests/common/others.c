/* The tracepoints of sdt.rs that are not made by a rule; their table is in `others` there. */

SEMAPHORE(texts);
SEMAPHORE(null_bool_enum);
SEMAPHORE(floats);
SEMAPHORE(wide);
SEMAPHORE(globals);
SEMAPHORE(sites);
SEMAPHORE(repeated);

struct record {
    long before;
    char name[100];
};
static struct record longest = {
    0, "a text that is longer than a short buffer: 0123456789 0123456789 0123456789 0123456789"};
static struct record *volatile records = &longest;
static const char *volatile texts_of[3] = {"", "hello", "žluťoučký kůň"};

/* A tracer cannot read a page that the program has not touched. The last is an array, passed as its address. */
NOINLINE static void texts(const char *a, const char *b, const char *c, struct record *record)
{
    const volatile char *all[4] = {a, b, c, record->name};
    for (int i = 0; i < 4; i++)
        (void)*all[i];
    if (ACTIVE(texts))
        STAP_PROBE4(sdt, texts, a, b, c, record->name);
}

enum choice { FIRST, SECOND, THIRD };
static void *volatile nothing = 0;
static volatile _Bool yes = 1;
static volatile enum choice chosen = THIRD;

NOINLINE static void null_bool_enum(void *null, _Bool flag, enum choice choice)
{
    if (ACTIVE(null_bool_enum))
        STAP_PROBE3(sdt, null_bool_enum, null, flag, choice);
}

static volatile double of_float[2] = {1.5, -2.5};
static volatile int32_t minus_42 = -42;

NOINLINE static void floats(double wide, float narrow, int32_t after)
{
    if (ACTIVE(floats))
        STAP_PROBE3(sdt, floats, wide, narrow, after);
}

NOINLINE static void wide(int32_t after)
{
    __int128 value = (__int128)after << 70;
    ESCAPE(&value);
    if (ACTIVE(wide))
        STAP_PROBE2(sdt, wide, value, after);
}

uint64_t global = 0x1122334455667788;
_Thread_local int32_t of_thread = -7;

NOINLINE static void globals(int32_t after)
{
    if (ACTIVE(globals))
        STAP_PROBE3(sdt, globals, global, of_thread, after);
}

NOINLINE static void first_site(int8_t a)
{
    if (ACTIVE(sites))
        STAP_PROBE1(sdt, sites, a);
}

NOINLINE static void second_site(uint64_t a, int16_t b)
{
    if (ACTIVE(sites))
        STAP_PROBE2(sdt, sites, a, b);
}

/* Two more, because it is expanded where it is called. */
static inline __attribute__((always_inline)) void expanded(int32_t a)
{
    if (ACTIVE(sites))
        STAP_PROBE1(sdt, sites, a);
}

NOINLINE static void sites(void)
{
    long minus_1 = two - 3;
    first_site(minus_1);
    second_site(minus_1, minus_1);
    expanded(two - 1);
    expanded(two);
}

NOINLINE static void repeated(void)
{
    for (int64_t i = -50; i < 50; i++)
        if (ACTIVE(repeated))
            STAP_PROBE1(sdt, repeated, i);
}

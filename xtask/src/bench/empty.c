// Hooks an empty program into a tracepoint and runs a command: what a hit costs when nothing is done with it.
//
// empty BINARY OFFSET SEMAPHORE-OFFSET LINK(multi|perf) COMMAND…
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// BPF_TRACE_UPROBE_MULTI and BPF_PERF_EVENT of linux/bpf.h, which may be older than the kernel that runs.
enum { UPROBE_MULTI = 48, PERF_EVENT = 41 };

// The members of `union bpf_attr` that BPF_LINK_CREATE reads for a uprobe_multi link.
struct multi {
    uint32_t program, target, type, flags;
    uint64_t path, offsets, semaphores, cookies;
    uint32_t count, multi_flags, pid, end;
};

static int failed(const char *what)
{
    fprintf(stderr, "empty: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    uint64_t offset = strtoull(argv[2], NULL, 0), semaphore = strtoull(argv[3], NULL, 0);
    int multi = !strcmp(argv[4], "multi");
    struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_KPROBE;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = 2;
    attr.license = (uintptr_t) "GPL";
    attr.expected_attach_type = multi ? UPROBE_MULTI : 0;
    int program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
    if (program < 0)
        return failed("loading");
    if (multi) {
        struct multi link = {.program = program,
                             .type = UPROBE_MULTI,
                             .path = (uintptr_t)argv[1],
                             .offsets = (uintptr_t)&offset,
                             .semaphores = (uintptr_t)&semaphore,
                             .count = 1};
        if (syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof link) < 0)
            return failed("hooking");
    } else {
        struct perf_event_attr event;
        memset(&event, 0, sizeof event);
        event.size = sizeof event;
        FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
        if (!file || fscanf(file, "%u", &event.type) != 1)
            return failed("the uprobe PMU");
        fclose(file);
        event.config = semaphore << 32;
        event.config1 = (uintptr_t)argv[1];
        event.config2 = offset;
        int uprobe = syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
        if (uprobe < 0)
            return failed("perf_event_open");
        memset(&attr, 0, sizeof attr);
        attr.link_create.prog_fd = program;
        attr.link_create.target_fd = uprobe;
        attr.link_create.attach_type = PERF_EVENT;
        if (syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr) < 0)
            return failed("hooking");
    }
    pid_t child = fork();
    if (child == 0) {
        execv(argv[5], argv + 5);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Serves requests, one "METHOD JSON" a line, and answers "CODE RESPONSE". With "alone" as its
 * argument the process is killed when it, or a thread of it, makes a process or executes a program
 * after the library has started; with "without-nftables" it has no sockets of nftables, as on a
 * kernel that lacks them. */
#define _GNU_SOURCE
#include <cni.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBER offsetof(struct seccomp_data, nr)
#define ARGUMENT(n)                                                                                \
    (offsetof(struct seccomp_data, args) + 8 * (n)) /* its lower half, little-endian */
#define KILLS(number)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),                                           \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static int install(struct sock_filter *filter, size_t size)
{
    struct sock_fprog program = {size / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
           syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0;
}

static int lack_nftables(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return install(filter, sizeof filter);
}

/* clone is for threads; clone3 cannot be looked into, and whoever calls it falls back to clone. */
static int be_alone(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        KILLS(__NR_execve),
        KILLS(__NR_execveat),
#ifdef __NR_fork
        KILLS(__NR_fork),
        KILLS(__NR_vfork),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return install(filter, sizeof filter);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    cni_describe(NULL); /* waits until the library has started */
    const char *mode = argc > 1 ? argv[1] : "";
    if ((strcmp(mode, "alone") == 0 && be_alone()) ||
        (strcmp(mode, "without-nftables") == 0 && lack_nftables()))
        return 2;
    while (getline(&line, &size, stdin) > 0) {
        char *response = NULL, *request = strchr(line, ' ');
        if (!request)
            return 2;
        *request++ = '\0';
        int code = cni_call(line, request, &response);
        printf("%d %s\n", code, response);
        fflush(stdout);
        cni_free(response);
    }
    free(line);
    return 0;
}

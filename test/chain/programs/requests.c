/* SPDX-License-Identifier: Apache-2.0 */
/* Serves requests, one "METHOD JSON" a line, and answers "CODE RESPONSE". With "alone" as its argument the process is
 * killed when it, or a thread of it, makes a process or executes a program after the library has started. */
#define _GNU_SOURCE
#include <cni.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBER offsetof(struct seccomp_data, nr)
#define FLAGS offsetof(struct seccomp_data, args) /* of clone, little-endian */
#define KILLS(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

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
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38 /* ENOSYS */),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
           syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    cni_describe(NULL); /* waits until the library has started */
    if (argc > 1 && (strcmp(argv[1], "alone") != 0 || be_alone()))
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

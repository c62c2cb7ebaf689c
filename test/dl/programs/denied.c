/* SPDX-License-Identifier: Apache-2.0 */
/* A host whose seccomp filter forbids memfd_create and clone3 with EPERM, as old container engines
 * do with calls that they do not know. The directory has the plugin "any". */
#include "host.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define DENIES(call)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),                                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static int deny(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENIES(SYS_memfd_create),
        DENIES(SYS_clone3),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 &&
           syscall(SYS_memfd_create, "x", 0U) < 0 && errno == EPERM;
}

static const char *request(void)
{
    static char *text;
    if (text == NULL)
        text = cni_dl_json(
            "{\"type\":\"any\",\"options\":{\"pluginDirs\":[%s],\"builtins\":\"never\"}}",
            directory);
    return text;
}

/* The command makes its threads without the C library, and its plugins' requests without memfd. */
static void exec_mode_does_without(void)
{
    cni_dl api = open_api(real);
    char *response = NULL;
    int rc = api.call(&api, "plugin.info", request(), &response);
    CHECK(rc == 0 && strstr(response, "1.0.0") != NULL, "%d: %s", rc, response);
    api.free(&api, response);
    cni_dl_close(&api);
    PASS();
}

/* Nothing in the process can make a thread, so that the documented fallback is needed. */
static void other_modes_are_refused(void)
{
    cni_dl api;
    char *error = NULL;
    CHECK(cni_dl_open(&api, real, mode, &error) == -ENOTSUP);
    CHECK(strstr(error, "clone3") != NULL, "%s", error);
    free(error);
    PASS();
}

static void isolated_else_exec_is_exec(void)
{
    cni_dl api;
    char *error = NULL;
    CHECK(cni_dl_open_outside(&api, real, stub, &error) == 0, "%s", error);
    CHECK(api.mode == CNI_DL_EXEC && api.call(&api, "plugin.info", request(), NULL) == 0);
    cni_dl_close(&api);
    PASS();
}

/* Without cni_dl.h the library is loaded all the same, and refuses. */
static void the_loaded_library_refuses_and_the_process_lives(void)
{
    int (*networks)(const char *, char **) = NULL;
    char *response = NULL;
    void *library = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL, "%s", dlerror());
    *(void **)&networks = dlsym(library, "cni_networks");
    for (int i = 0; i < 2; i++)
        CHECK(networks("{}", &response) == -ENOTSUP &&
                  strstr(response, "\"kind\":\"unsupported\"") != NULL,
            "%s", response);
    PASS();
}

int main(int argc, char **argv)
{
    host_arguments(argc, argv);
    MUST(deny());
    if (mode == CNI_DL_EXEC)
        exec_mode_does_without();
    else
        other_modes_are_refused();
    if (mode == CNI_DL_ISOLATED)
        isolated_else_exec_is_exec();
    if (mode == CNI_DL_INPROCESS)
        the_loaded_library_refuses_and_the_process_lives();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a host may expect of libcni in its process: guest LIBRARY. It loads the library itself, so as to look before. */
#define _GNU_SOURCE
#include <cni.h>

#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *library;
static void *handle;

/* The functions are looked up: the program is not linked with the library. */
static int (*networks)(const char *, char **);
static int (*plugin_info)(const char *, char **);
static int (*describe)(char **);
static int (*cancel)(const char *);
static int (*set_log)(cni_log_fn, void *);
static void (*release)(void *);
static const char *(*version)(void);
static int (*abi_version)(void);
static const char *(*describe_code)(int);

static void load(void)
{
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    MUST(handle != NULL);
    *(void **)&networks = dlsym(handle, "cni_networks");
    *(void **)&plugin_info = dlsym(handle, "cni_plugin_info");
    *(void **)&describe = dlsym(handle, "cni_describe");
    *(void **)&cancel = dlsym(handle, "cni_cancel");
    *(void **)&set_log = dlsym(handle, "cni_set_log");
    *(void **)&release = dlsym(handle, "cni_free");
    *(void **)&version = dlsym(handle, "cni_version");
    *(void **)&abi_version = dlsym(handle, "cni_abi_version");
    *(void **)&describe_code = dlsym(handle, "cni_strerror");
    MUST(networks && plugin_info && describe && cancel && set_log && release && version && abi_version && describe_code);
}

/* A call that opens files. */
static int call(void)
{
    char *response = NULL;
    int rc = networks("{\"options\":{\"confDir\":\"/etc\"}}", &response);

    if (response == NULL || strstr(response, rc == 0 ? "\"networks\"" : "\"kind\"") == NULL)
        rc = 12345;
    release(response);
    return rc;
}

static unsigned long open_file_limit(void)
{
    struct rlimit limit;

    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

static void set_open_file_limit(unsigned long soft)
{
    struct rlimit limit;

    MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = soft;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* The open descriptors that match a condition: those without close-on-exec, or those of a path. */
static int count_descriptors(int inheritable, const char *path)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    MUST(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        char target[4096];
        int fd = atoi(entry->d_name);
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (length < 0 || fd == dirfd(dir))
            continue;
        target[length] = '\0';
        if (inheritable && (fcntl(fd, F_GETFD) & FD_CLOEXEC))
            continue;
        count += strstr(target, path) != NULL;
    }
    closedir(dir);
    return count;
}

/* ---- Loading -------------------------------------------------------------------------------------------------- */

static void loading_keeps_the_open_file_limit(void)
{
    unsigned long before = open_file_limit();

    load();
    CHECK(open_file_limit() == before, "%lu, then %lu", before, open_file_limit());
    PASS();
}

static void children_inherit_the_open_file_limit(void)
{
    char printed[64] = "";
    FILE *shell = popen("ulimit -S -n", "r");

    CHECK(shell != NULL && fgets(printed, sizeof printed, shell) != NULL);
    pclose(shell);
    CHECK(strtoul(printed, NULL, 10) == open_file_limit(), "%s", printed);
    PASS();
}

static void loading_twice_and_closing_is_harmless(void)
{
    void *again = dlopen(library, RTLD_NOW);

    CHECK(again == handle);
    CHECK(dlclose(again) == 0 && dlclose(handle) == 0);
    handle = dlopen(library, RTLD_NOW);
    CHECK(handle != NULL && call() == 0);
    PASS();
}

static void versions_are_those_of_the_header(void)
{
    CHECK(strcmp(version(), CNI_VERSION) == 0, "%s", version());
    CHECK(abi_version() == CNI_ABI_VERSION, "%d", abi_version());
    PASS();
}

static void every_code_has_words(void)
{
    static const int codes[] = {0, 1, 7, 11, 50, 51, 99, 100, 999, -EINVAL, -ENOTRECOVERABLE, -EXDEV, 2147483647, -2147483647 - 1};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK(describe_code(codes[i]) != NULL && describe_code(codes[i])[0] != '\0', "%d", codes[i]);
    CHECK(strcmp(describe_code(0), describe_code(-EINVAL)) != 0);
    PASS();
}

/* ---- The thread ----------------------------------------------------------------------------------------------- */

static void *call_on_thread(void *result)
{
    *(int *)result = call();
    return NULL;
}

static void signal_mask_is_kept_when_all_is_blocked(void)
{
    sigset_t all, before, after;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < 3; i++) {
        int rc = call();
        pthread_sigmask(SIG_SETMASK, NULL, &after);
        for (int sig = 1; sig < 65; sig++)
            CHECK(sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33 || sigismember(&after, sig),
                "signal %d is unblocked after call %d (%d)", sig, i, rc);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    PASS();
}

static void signal_mask_is_kept_when_nothing_is_blocked(void)
{
    sigset_t none, after;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    CHECK(call() == 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int sig = 1; sig < 65; sig++)
        CHECK(sigismember(&after, sig) != 1, "signal %d is blocked", sig);
    PASS();
}

static void signal_mask_of_a_new_thread_is_kept(void)
{
    sigset_t mask, after;
    pthread_t thread;
    int rc = -1;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    CHECK(pthread_create(&thread, NULL, call_on_thread, &rc) == 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_UNBLOCK, &mask, &after);
    CHECK(rc == 0 && sigismember(&after, SIGCHLD) == 1);
    PASS();
}

static void errno_is_kept(void)
{
    char *response;

    errno = EXDEV;
    call();
    CHECK(errno == EXDEV, "%s", strerror(errno));
    networks(NULL, &response);
    release(response);
    CHECK(errno == EXDEV, "%s", strerror(errno));
    cancel("nobody");
    CHECK(errno == EXDEV, "%s", strerror(errno));
    PASS();
}

static void a_thread_with_16_KiB_of_stack_is_enough(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = -1;

    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstacksize(&attributes, 16384) == 0);
    CHECK(pthread_create(&thread, &attributes, call_on_thread, &rc) == 0);
    pthread_join(thread, NULL);
    CHECK(rc == 0, "%d", rc);
    PASS();
}

static void *call_often(void *failures)
{
    for (int i = 0; i < 50; i++)
        if (call() != 0)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void sixty_four_threads_may_call_at_once(void)
{
    pthread_t threads[64];
    int failures = 0;

    for (int i = 0; i < 64; i++)
        CHECK(pthread_create(&threads[i], NULL, call_often, &failures) == 0);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    CHECK(failures == 0, "%d failed", failures);
    PASS();
}

/* ---- The process ---------------------------------------------------------------------------------------------- */

static void descriptors_are_close_on_exec_and_none_is_of_a_cgroup(void)
{
    int before = count_descriptors(1, "");

    CHECK(call() == 0);
    CHECK(count_descriptors(1, "") == before, "%d, then %d", before, count_descriptors(1, ""));
    CHECK(count_descriptors(0, "cgroup") == 0);
    PASS();
}

static void calls_leave_no_descriptors(void)
{
    int first;

    CHECK(call() == 0);
    first = count_descriptors(0, "");
    for (int i = 0; i < 100; i++)
        call();
    CHECK(count_descriptors(0, "") == first, "%d, then %d", first, count_descriptors(0, ""));
    PASS();
}

static void umask_and_directory_are_kept(void)
{
    char before[4096], after[4096];
    mode_t mask;

    umask(0);
    CHECK(getcwd(before, sizeof before) != NULL && call() == 0 && getcwd(after, sizeof after) != NULL);
    mask = umask(022);
    CHECK(mask == 0 && strcmp(before, after) == 0, "umask %o, directory %s", (unsigned)mask, after);
    PASS();
}

static void handlers_of_the_host_are_kept(void)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGALRM, SIGWINCH};
    struct sigaction action;

    CHECK(call() == 0);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        CHECK(sigaction(signals[i], NULL, &action) == 0);
        CHECK(action.sa_handler == SIG_DFL, "signal %d has a handler", signals[i]);
    }
    PASS();
}

static void too_few_descriptors_is_an_error(void)
{
    unsigned long before = open_file_limit();
    char *response = NULL;
    int rc, open_before = count_descriptors(0, "");

    set_open_file_limit(16);
    rc = networks("{}", &response);
    set_open_file_limit(before);
    CHECK(rc == -EMFILE && strstr(response, "\"kind\":\"state\"") && strstr(response, "EMFILE"), "%d %s", rc, response);
    release(response);
    CHECK(call() == 0 && count_descriptors(0, "") == open_before);
    PASS();
}

static void too_few_descriptors_is_found_when_they_are_open(void)
{
    unsigned long before = open_file_limit();
    char *response = NULL;
    int rc, fds[128], count = 0;

    set_open_file_limit(64);
    while (count < 128 && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    rc = networks("{}", &response);
    while (count > 0)
        close(fds[--count]);
    set_open_file_limit(before);
    CHECK(rc == -EMFILE, "%d %s", rc, response);
    release(response);
    PASS();
}

static void description_is_complete(void)
{
    char *response = NULL;
    size_t length;

    CHECK(describe(NULL) == 0 && describe(&response) == 0);
    length = strlen(response);
    CHECK(response[0] == '{' && length > 2 && response[length - 2] == '}' && response[length - 1] == '\n');
    release(response);
    PASS();
}

static void freeing_nothing_is_allowed(void)
{
    release(NULL);
    PASS();
}

/* ---- Forks ---------------------------------------------------------------------------------------------------- */

/* What must hold in a child; its exit status is 0, or the line that does not. */
static int forked_child(void)
{
    char *response = NULL;

    if (networks("{}", &response) != -ENOTRECOVERABLE || strstr(response, "\"kind\":\"forked\"") == NULL)
        return __LINE__ & 127;
    release(response);
    if (describe(&response) != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    release(response);
    if (networks("{}", NULL) != -ENOTRECOVERABLE || cancel("x") != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    if (set_log(NULL, NULL) != -ENOTRECOVERABLE)
        return __LINE__ & 127;
    if (strcmp(version(), CNI_VERSION) != 0 || abi_version() != CNI_ABI_VERSION || describe_code(-EINVAL)[0] == '\0')
        return __LINE__ & 127;
    return 0;
}

static void a_forked_child_is_refused(void)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        alarm(10); /* a hang ends with SIGALRM */
        _exit(forked_child());
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "wait status %x", status);
    CHECK(call() == 0);
    PASS();
}

static void a_cloned_child_is_refused(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    int status = -1;

    if (pid == 0) {
        alarm(10);
        _exit(forked_child());
    }
    CHECK(waitpid((pid_t)pid, &status, 0) == pid && status == 0, "wait status %x", status);
    PASS();
}

static void loading_after_a_fork_works(void)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        alarm(10);
        load();
        _exit(call() != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "wait status %x", status);
    PASS();
}

int main(int argc, char **argv)
{
    MUST(argc == 2);
    library = argv[1];
    setvbuf(stdout, NULL, _IONBF, 0);
    set_open_file_limit(256);
    loading_after_a_fork_works(); /* the parent has not loaded it yet */
    loading_keeps_the_open_file_limit();
    children_inherit_the_open_file_limit();
    versions_are_those_of_the_header();
    every_code_has_words();
    signal_mask_is_kept_when_all_is_blocked();
    signal_mask_is_kept_when_nothing_is_blocked();
    signal_mask_of_a_new_thread_is_kept();
    errno_is_kept();
    a_thread_with_16_KiB_of_stack_is_enough();
    descriptors_are_close_on_exec_and_none_is_of_a_cgroup();
    umask_and_directory_are_kept();
    handlers_of_the_host_are_kept();
    too_few_descriptors_is_an_error();
    too_few_descriptors_is_found_when_they_are_open();
    description_is_complete();
    freeing_nothing_is_allowed();
    sixty_four_threads_may_call_at_once();
    calls_leave_no_descriptors();
    children_inherit_the_open_file_limit();
    loading_twice_and_closing_is_harmless();
    a_forked_child_is_refused();
    a_cloned_child_is_refused();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What calls leave of their host: in isolated mode, all of it. */
#include "host.h"

static const char *const request = "{\"options\":{\"confDir\":\"/nonexistent\"}}";

/* ---- One thread ---- */

static int threads(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 ? (int)tasks.st_nlink - 2 : -1;
}

static void the_host_keeps_one_thread(void)
{
    cni_dl api = open_api(real);
    for (int i = 0; i < 5; i++)
        CHECK(api.networks(&api, request, NULL) == 0);
    CHECK(threads() == 1, "%d", threads());
    cni_dl_close(&api);
    PASS();
}

static int enter_user_namespaces(void)
{
    char path[64], byte;
    int ready[2], fd;
    cni_dl api = open_api(real);
    if (api.networks(&api, request, NULL) != 0 || pipe(ready) != 0)
        return 2;
    pid_t other = fork();
    if (other == 0) {
        if (unshare(CLONE_NEWUSER) != 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        return 3;
    snprintf(path, sizeof path, "/proc/%d/ns/user", other);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    int entered = setns(fd, CLONE_NEWUSER);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    if (entered != 0)
        return 4;
    return api.networks(&api, request, NULL) != 0 ? 5 : 0;
}

static int make_user_namespace(void)
{
    cni_dl api = open_api(real);
    if (api.networks(&api, request, NULL) != 0 || unshare(CLONE_NEWUSER) != 0)
        return 1;
    return api.networks(&api, request, NULL) != 0 ? 2 : 0;
}

static void user_namespaces_can_be_entered_and_made(void)
{
    int status = in_child(enter_user_namespaces);
    CHECK(status == 0, "step %d", status);
    status = in_child(make_user_namespace);
    CHECK(status == 0, "making: step %d", status);
    PASS();
}

/* ---- Children ---- */

/* All signals blocked, SIGCHLD by signalfd, as crun waits: its own children, each of them, and no
 * other. */
static void signalfd_sees_the_hosts_own_children_and_no_other(void)
{
    cni_dl api = open_api(real);
    sigset_t all, before;
    struct signalfd_siginfo info;
    int seen = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int fd = signalfd(-1, &all, SFD_CLOEXEC);
    for (int i = 0; i < 50; i++) {
        cni_dl_call *call;
        MUST(cni_dl_start(&api, "networks", request, &call, NULL) == 0);
        pid_t own = fork();
        if (own == 0)
            _exit(i);
        struct pollfd wait = {fd, POLLIN, 0};
        if (poll(&wait, 1, 10000) == 1 && read(fd, &info, sizeof info) == (ssize_t)sizeof info)
            seen +=
                info.ssi_signo == SIGCHLD && info.ssi_pid == (uint32_t)own && info.ssi_status == i;
        CHECK(waitpid(-1, NULL, 0) == own, "child %d", i);
        CHECK(await(call, NULL) == 0);
        CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
            "waitpid(-1) saw a child of libcni");
    }
    struct pollfd wait = {fd, POLLIN, 0};
    CHECK(poll(&wait, 1, 0) == 0, "a signal of libcni");
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd);
    cni_dl_close(&api);
    CHECK(seen == 50, "%d", seen);
    PASS();
}

static int ignore_children(void)
{
    signal(SIGCHLD, SIG_IGN);
    cni_dl api = open_api(real);
    for (int i = 0; i < 3; i++)
        if (api.networks(&api, request, NULL) != 0 ||
            api.call(&api, "status", "{}", NULL) != -EINVAL)
            return 1;
    cni_dl_close(&api);
    return has_children();
}

static void a_host_that_ignores_its_children_gets_answers(void)
{
    CHECK(in_child(ignore_children) == 0);
    PASS();
}

static volatile int reaped;

static void reap_all(int number)
{
    int saved = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}

static void a_host_that_reaps_everything_gets_answers(void)
{
    cni_dl api = open_api(real);
    signal(SIGCHLD, reap_all);
    for (int i = 0; i < 20; i++)
        CHECK(api.networks(&api, request, NULL) == 0);
    cni_dl_close(&api);
    signal(SIGCHLD, SIG_DFL);
    CHECK(mode == CNI_DL_EXEC || reaped == 0, "%d", reaped);
    CHECK(!has_children());
    PASS();
}

/* ---- Limits, signals, descriptors ---- */

struct picture {
    struct rlimit files;
    sigset_t mask;
    struct {
        void (*handler)(int);
        int flags;
        unsigned long mask; /* the C library fills no more of it */
    } actions[65];
    mode_t umask;
    int descriptors;
};

static void take(struct picture *p)
{
    memset(p, 0, sizeof *p);
    getrlimit(RLIMIT_NOFILE, &p->files);
    sigprocmask(SIG_SETMASK, NULL, &p->mask);
    for (int i = 1; i < 65; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        sigaction(i, NULL, &action);
        p->actions[i].handler = action.sa_handler;
        p->actions[i].flags = action.sa_flags;
        memcpy(&p->actions[i].mask, &action.sa_mask, sizeof p->actions[i].mask);
    }
    p->umask = umask(0);
    umask(p->umask);
    p->descriptors = count_descriptors();
}

static void a_call_leaves_the_host_as_it_was(void)
{
    static struct picture before, during, after;
    struct rlimit odd;
    sigset_t some;
    getrlimit(RLIMIT_NOFILE, &odd);
    odd.rlim_cur = 111;
    setrlimit(RLIMIT_NOFILE, &odd);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_BLOCK, &some, NULL);
    take(&before);
    cni_dl api = open_api(real);
    errno = 99;
    CHECK(api.networks(&api, request, NULL) == 0);
    CHECK(errno == 99);
    take(&during);
    during.descriptors = before.descriptors; /* that of a child that is not reaped */
    cni_dl_close(&api);
    take(&after);
    for (size_t i = 0; i < sizeof before; i++) {
        CHECK(((char *)&before)[i] == ((char *)&during)[i], "byte %zu of the picture, during", i);
        CHECK(((char *)&before)[i] == ((char *)&after)[i], "byte %zu of the picture, after", i);
    }
    PASS();
}

static void descriptors_are_closed_on_exec(void)
{
    cni_dl api = open_api(stub);
    cni_dl_call *call;
    int open_before[64], fd;
    for (fd = 0; fd < 64; fd++)
        open_before[fd] = fcntl(fd, F_GETFD) >= 0;
    CHECK(cni_dl_start(&api, "hang", "{}", &call, NULL) == 0);
    for (fd = 0; fd < 64; fd++)
        CHECK(open_before[fd] || fcntl(fd, F_GETFD) < 0 || fcntl(fd, F_GETFD) == FD_CLOEXEC,
            "descriptor %d", fd);
    cni_dl_close(&api);
    PASS();
}

static void nothing_is_left_of_many_calls(void)
{
    int calls = getenv("SANITIZED") == NULL ? 500 : 100;
    cni_dl api = open_api(stub);
    int before = count_descriptors();
    for (int i = 0; i < calls; i++) {
        cni_dl_call *call;
        if (i % 50 == 0)
            CHECK(api.call(&api, "crash", "{}", NULL) == -EFAULT);
        if (i % 3 == 0) {
            CHECK(cni_dl_start(&api, "add", "{}", &call, NULL) == 0);
            CHECK(await(call, NULL) == 0);
        } else {
            CHECK(api.add(&api, "{}", NULL) == 0);
        }
    }
    CHECK(count_descriptors() <= before + 20, "%d before, %d now", before, count_descriptors());
    cni_dl_close(&api);
    CHECK(!has_children(), "zombies");
    CHECK(count_descriptors() <= before, "%d before, %d after", before, count_descriptors());
    PASS();
}

static volatile int alarms;

static void count_alarm(int number) { alarms += number == SIGALRM; }

static void signals_that_interrupt_change_nothing(void)
{
    struct sigaction action;
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    char *response;
    cni_dl api = open_api(stub);
    memset(&action, 0, sizeof action); /* without SA_RESTART */
    action.sa_handler = count_alarm;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 20; i++) {
        CHECK(api.call(&api, "big", "{\"size\":1000000}", &response) == 0 &&
                  strlen(response) == 1000002,
            "%s", response);
        api.free(&api, response);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    cni_dl_close(&api);
    CHECK(alarms > 0);
    PASS();
}

/* Descriptors 0, 1 and 2 are free: those of the call must not become standard input and output of
 * the child. */
static int call_without_standard_files(void)
{
    char *response = NULL;
    close(0);
    close(1);
    close(2);
    cni_dl api;
    if (cni_dl_open(&api, stub, mode, NULL) != 0)
        return 1;
    if (api.call(&api, "big", "{\"size\":100000}", &response) != 0 || strlen(response) != 100002)
        return 2;
    api.free(&api, response);
    if (api.call(&api, "crash", "{}", &response) != -EFAULT || strstr(response, "last") == NULL)
        return 3;
    cni_dl_close(&api);
    return fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0 ? 4 : 0;
}

static void a_host_without_standard_files_gets_answers(void)
{
    PASS_IF_CHILD_DOES(call_without_standard_files);
}

/* As a daemon does it, but between two calls: nothing that the api keeps is among them. */
static int open_standard_files_after_a_call(void)
{
    cni_dl api = open_api(stub);
    close(0);
    close(1);
    close(2);
    if (api.call(&api, "big", "{\"size\":10}", NULL) != 0)
        return 1;
    if (open("/dev/null", O_RDWR) != 0 || dup2(0, 1) != 1 || dup2(0, 2) != 2)
        return 2;
    if (api.call(&api, "big", "{\"size\":10}", NULL) != 0)
        return 3;
    for (int fd = 0; fd < 3; fd++) {
        struct stat file;
        if (fstat(fd, &file) != 0 || !S_ISCHR(file.st_mode) || fcntl(fd, F_GETFD) != 0)
            return 4;
    }
    return 0;
}

static void standard_files_opened_after_a_call_stay(void)
{
    PASS_IF_CHILD_DOES(open_standard_files_after_a_call);
}

/* ---- Where it cannot work ---- */

static void *sit(void *fifo)
{
    char byte;
    return read(*(int *)fifo, &byte, 1) == 1 ? fifo : NULL;
}

static void threads_bar_isolated_mode_only(void)
{
    pthread_t thread;
    int fds[2], rc;
    char *error = NULL;
    cni_dl early = open_api(real), api;
    MUST(pipe(fds) == 0 && pthread_create(&thread, NULL, sit, &fds[0]) == 0);
    rc = cni_dl_open(&api, real, mode, &error);
    if (rc == 0)
        cni_dl_close(&api);
    int call = early.networks(&early, request, NULL);
    MUST(write(fds[1], "x", 1) == 1);
    pthread_join(thread, NULL);
    if (mode == CNI_DL_ISOLATED) {
        CHECK(rc == -ENOTSUP && strstr(error, "\"kind\":\"unsupported\"") != NULL &&
                  strstr(error, "one thread"),
            "%s", error);
        CHECK(call == -ENOTSUP);
    } else {
        CHECK(rc == 0 && call == 0);
    }
    CHECK(early.networks(&early, request, NULL) == 0, "after the thread has ended");
    free(error);
    cni_dl_close(&early);
    PASS();
}

static const char *shared_library;

static int (*direct(const char *name))(const char *, char **)
{
    void *handle = dlopen(shared_library, RTLD_NOW | RTLD_LOCAL);
    int (*function)(const char *, char **);
    MUST(handle != NULL);
    *(void **)&function = dlsym(handle, name);
    MUST(function != NULL);
    return function;
}

/* In a child of fork there is one thread, and half a Go runtime. */
static int open_after_calling(void)
{
    char *error = NULL;
    cni_dl api;
    if (direct("cni_networks")(request, NULL) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        int rc = cni_dl_open(&api, real, mode, &error);
        if (mode == CNI_DL_EXEC)
            _exit(rc == 0 ? 0 : 2);
        _exit(
            rc == -ENOTSUP && strstr(error, "fork of one that has started libcni") != NULL ? 0 : 3);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void a_fork_of_a_host_with_go_bars_isolated_mode_only(void)
{
    PASS_IF_CHILD_DOES(open_after_calling);
}

/* ---- The library asleep in a host that calls in isolated mode ---- */

static int is_mapped(const char *path)
{
    char line[4096], *whole = realpath(path, NULL);
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (whole != NULL && fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, whole) != NULL;
    fclose(maps);
    free(whole);
    return found;
}

static void the_environment_is_as_it_was(void)
{
    char **all = environ, *path = getenv("PATH");
    cni_dl api = open_api(real);
    CHECK(is_mapped(real), "the children load the library");
    CHECK(environ == all && getenv("PATH") == path);
    cni_dl_close(&api);
    PASS();
}

static int call_in_process(void)
{
    char *error = NULL;
    cni_dl isolated = open_api(real), api;
    if (isolated.networks(&isolated, request, NULL) != 0 || threads() != 1)
        return 1;
    if (cni_dl_open(&api, real, CNI_DL_INPROCESS, NULL) != 0 ||
        api.networks(&api, request, NULL) != 0 || threads() == 1)
        return 2;
    if (isolated.networks(&isolated, request, &error) != -ENOTSUP ||
        strstr(error, "one thread") == NULL)
        return 3;
    isolated.free(&isolated, error);
    cni_dl_close(&isolated);
    return api.networks(&api, request, NULL) == 0 ? 0 : 4;
}

static void it_wakes_when_it_is_called_in_process(void) { PASS_IF_CHILD_DOES(call_in_process); }

static pthread_barrier_t barrier;

static void *call_at_once(void *failures)
{
    int (*networks)(const char *, char **) = direct("cni_networks");
    pthread_barrier_wait(&barrier);
    if (networks(request, NULL) != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int wake_by_many(void)
{
    pthread_t callers[16];
    int failures = 0, i;
    struct rlimit files;
    open_api(real);
    MUST(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = 222;
    setrlimit(RLIMIT_NOFILE, &files);
    pthread_barrier_init(&barrier, NULL, 16);
    for (i = 0; i < 16; i++)
        MUST(pthread_create(&callers[i], NULL, call_at_once, &failures) == 0);
    for (i = 0; i < 16; i++)
        pthread_join(callers[i], NULL);
    return failures != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur != 222;
}

static void many_threads_may_wake_it_at_once(void)
{
    for (int i = 0; i < 10; i++) {
        int status = in_child(wake_by_many);
        CHECK(status == 0, "%d", status);
    }
    PASS();
}

static int call_in_process_of_fork(void)
{
    return direct("cni_networks")(request, NULL) != 0 ? 1 : 0;
}

static int call_isolated_in_fork(void)
{
    cni_dl api = open_api(real);
    return api.networks(&api, request, NULL) != 0 ? 1 : 0;
}

static int fork_after_waking(void)
{
    char *response = NULL;
    cni_dl api = open_api(real);
    pid_t pid;
    int status;
    if (direct("cni_networks")(request, NULL) != 0)
        return 1;
    pid = fork();
    if (pid == 0)
        _exit(direct("cni_networks")(request, &response) == -ENOTRECOVERABLE &&
                      strstr(response, "\"forked\"") != NULL
                  ? 0
                  : 2);
    waitpid(pid, &status, 0);
    cni_dl_close(&api);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void a_fork_may_call_unless_it_woke_before(void)
{
    cni_dl api = open_api(real);
    CHECK(in_child(call_in_process_of_fork) == 0);
    CHECK(in_child(call_isolated_in_fork) == 0);
    CHECK(api.networks(&api, request, NULL) == 0 && threads() == 1);
    int status = in_child(fork_after_waking);
    CHECK(status == 0, "step %d", status);
    cni_dl_close(&api);
    PASS();
}

/* As an update does it: another file under the old name. */
static int replace_the_library(void)
{
    char command[3 * 4096], path[2048], other[2048];
    cni_dl api;
    snprintf(path, sizeof path, "%s/copy.so", directory);
    snprintf(other, sizeof other, "%s/other.so", directory);
    snprintf(command, sizeof command, "cp '%s' '%s' && echo nonsense >'%s'", shared_library, path,
        other);
    MUST(system(command) == 0);
    if (cni_dl_open(&api, path, mode, NULL) != 0 || rename(other, path) != 0)
        return 1;
    return api.networks(&api, request, NULL) == 0 && strcmp(api.version(&api), "0.0.9") != 0 ? 0
                                                                                             : 2;
}

static void it_stays_when_its_file_is_replaced(void) { PASS_IF_CHILD_DOES(replace_the_library); }

/* As "cp" does it: what the host has in its memory is another file's. Its end must not run any of
 * it. */
static int overwrite_the_library(void)
{
    char command[2 * 4096], path[2048];
    cni_dl api;
    char *response = NULL;
    snprintf(path, sizeof path, "%s/overwritten.so", directory);
    snprintf(command, sizeof command, "cp '%s' '%s'", shared_library, path);
    MUST(system(command) == 0);
    if (cni_dl_open(&api, path, mode, NULL) != 0 || truncate(path, 100000) != 0)
        return 1;
    if (api.networks(&api, request, &response) != -EFAULT ||
        strstr(response, "\"kind\":\"bug\"") == NULL)
        return 2;
    api.free(&api, response);
    cni_dl_close(&api);
    fflush(stdout);
    exit(0); /* with what is called at the end */
}

static void a_host_outlives_an_overwritten_library(void)
{
    PASS_IF_CHILD_DOES(overwrite_the_library);
}

/* The call's process would be the first of the new namespace, and end it. */
static int call_after_unsharing_processes(void)
{
    char *response = NULL;
    cni_dl api = open_api(stub);
    if (unshare(CLONE_NEWPID) != 0)
        return 1;
    if (api.call(&api, "big", "{\"size\":10}", &response) != -ENOTSUP ||
        strstr(response, "PID namespace") == NULL)
        return 2;
    api.free(&api, response);
    pid_t init = fork();
    if (init < 0)
        return 3;
    if (init == 0)
        pause();
    int rc =
        api.call(&api, "big", "{\"size\":10}", NULL); /* beside the namespace's own first process */
    cni_dl_close(&api);
    kill(init, SIGKILL);
    return waitpid(init, NULL, 0) != init ? 4 : rc != 0 ? 5 : 0;
}

static void a_new_pid_namespace_is_left_to_its_own_first_process(void)
{
    PASS_IF_CHILD_DOES(call_after_unsharing_processes);
}

static void what_is_not_there_is_unsupported(void)
{
    char *error = NULL;
    cni_dl api;
    CHECK(cni_dl_open(&api, "/nonexistent/cni", mode, &error) == -ENOTSUP, "%s", error);
    CHECK(strstr(error, "\"kind\":\"unsupported\"") != NULL &&
              strstr(error, "/nonexistent/cni") != NULL,
        "%s", error);
    free(error);
    CHECK(cni_dl_open(&api, NULL, 17, &error) == -EINVAL);
    free(error);
    CHECK(cni_dl_open(&api, "/nonexistent/cni", mode, NULL) == -ENOTSUP);
    CHECK(!has_children());
    PASS();
}

int main(int argc, char **argv)
{
    host_arguments(argc, argv);
    shared_library = getenv("LIBRARY");
    setvbuf(stdout, NULL, _IOLBF, 0);
    the_host_keeps_one_thread();
    user_namespaces_can_be_entered_and_made();
    if (mode == CNI_DL_ISOLATED)
        signalfd_sees_the_hosts_own_children_and_no_other();
    a_host_that_ignores_its_children_gets_answers();
    a_host_that_reaps_everything_gets_answers();
    a_call_leaves_the_host_as_it_was();
    descriptors_are_closed_on_exec();
    nothing_is_left_of_many_calls();
    signals_that_interrupt_change_nothing();
    a_host_without_standard_files_gets_answers();
    standard_files_opened_after_a_call_stay();
    threads_bar_isolated_mode_only();
    a_fork_of_a_host_with_go_bars_isolated_mode_only();
    if (mode == CNI_DL_ISOLATED) {
        the_environment_is_as_it_was();
        it_wakes_when_it_is_called_in_process();
        many_threads_may_wake_it_at_once();
        a_fork_may_call_unless_it_woke_before();
        it_stays_when_its_file_is_replaced();
        if (getenv("SANITIZED") == NULL) /* the sanitizer itself reads all memory at the end */
            a_host_outlives_an_overwritten_library();
    }
    a_new_pid_namespace_is_left_to_its_own_first_process();
    what_is_not_there_is_unsupported();
    return 0;
}

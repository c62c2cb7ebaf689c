/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library with libcni's names that does what the method says, for what the real one should never
 * do. It is older than cni_dl.h: it has no verb but cni_add. As a program, it is the command cni of
 * the same kind.
 */
#define _GNU_SOURCE
#include <cni_dl.h>

static cni_dl_log_fn log_fn;
static void *log_user;
static volatile int cancelled;

static char *text(const char *s)
{
    char *copy = malloc(strlen(s) + 1);
    return strcpy(copy, s);
}

/* A process that holds all descriptors of this one, as a plugin that does not end might. The file
 * named by the request's "holds" leaves no doubt that it lives: it is a FIFO, whose other end the
 * host holds. */
static void leave_a_process(const char *request)
{
    char path[4096] = "";
    const char *holds = cni_dl_find(request, "holds");
    if (cni_dl_plain(holds) > 2)
        snprintf(path, sizeof path, "%.*s", (int)cni_dl_plain(holds) - 2, holds + 1);
    int fifo = open(path,
        O_RDONLY | O_CLOEXEC); /* here, where the host waits: later it may have closed its end */
    if (fork() == 0) {
        char byte;
        _exit(read(fifo, &byte, 1) < 0);
    }
    close(fifo);
}

static char *big(const char *request)
{
    size_t size = (size_t)cni_dl_number(cni_dl_find(request, "size"), 0);
    char *response = malloc(size + 3);
    memset(response, 'x', size + 2);
    response[0] = response[size + 1] = '"';
    response[size + 2] = '\0';
    return response;
}

static char *namespaces(void)
{
    char net[64] = "", directory[4096] = "", answer[8192];
    ssize_t n = readlink("/proc/self/ns/net", net, sizeof net - 1);
    snprintf(answer, sizeof answer, "%s %s %s", n > 0 ? net : "",
        getcwd(directory, sizeof directory) ? directory : "",
        getenv("MARK") != NULL ? getenv("MARK") : "");
    return text(answer);
}

static char *descriptors(void)
{
    char answer[64];
    int fd, count = 0;
    for (fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    snprintf(answer, sizeof answer, "%d", count);
    return text(answer);
}

static int serve(const char *method, const char *request, char **response)
{
    struct rlimit none = {0, 0};
    char *unused;
    volatile char *nowhere = NULL;
    int i;
    response = response == NULL ? &unused : response;
    *response = text("{}");
    setrlimit(RLIMIT_CORE, &none);
    if (strcmp(method, "crash") == 0) {
        fprintf(stderr, "the \"last\" words\n");
        fflush(stderr);
        *nowhere = 1;
    } else if (strcmp(method, "abort") == 0) {
        abort();
    } else if (strcmp(method, "leave") == 0) {
        _exit(3);
    } else if (strcmp(method, "leave.holding") == 0) {
        leave_a_process(request);
        _exit(4);
    } else if (strcmp(method, "answer.holding") == 0) {
        leave_a_process(request);
    } else if (strcmp(method, "hang") == 0) {
        for (;;)
            pause();
    } else if (strcmp(method, "hang.silently") == 0) {
        syscall(CNI_DL_CLOSE_RANGE, 0U, ~0U, 0U);
        for (;;)
            pause();
    } else if (strcmp(method, "cancellable") == 0) {
        while (!cancelled)
            usleep(100);
        return -ECANCELED;
    } else if (strcmp(method, "log") == 0) {
        for (i = 0; i < 1000 && log_fn != NULL; i++)
            log_fn("{\"event\":\"warning\"}", log_user);
    } else if (strcmp(method, "big") == 0) {
        *response = big(request);
    } else if (strcmp(method, "where") == 0) {
        *response = namespaces();
    } else if (strcmp(method, "descriptors") == 0) {
        *response = descriptors();
    }
    return strcmp(method, "code") == 0 ? (int)cni_dl_number(cni_dl_find(request, "code"), 0) : 0;
}

#ifdef COMMAND
static void interrupted(int number) { cancelled = number; }

int main(int argc, char **argv)
{
    static char request[65536];
    const char *method = argv[argc - 1];
    char *response;
    int32_t rc;
    int out = 1;
    ssize_t n = read(0, request, sizeof request - 1);

    if (argc < 5 || n < 0 || strcmp(argv[1], "call") != 0 || strcmp(argv[2], "--frames") != 0 ||
        strcmp(argv[argc - 2], "--") != 0)
        return 2;
    signal(SIGTERM, interrupted);
    if (strcmp(argv[3], "--verbose") == 0) {
        log_fn = cni_dl_send_event;
        log_user = &out;
    }
    rc = serve(method, request, &response);
    if (strcmp(method, "describe") == 0)
        response = text("{\"version\":\"0.0.9\",\"abi\":7,\"functions\":[{\"method\":\"add\"}]}");
    cni_dl_send(out, CNI_DL_FRAME_RESPONSE, &rc, sizeof rc, response);
    return 0;
}
#else
int cni_call(const char *method, const char *request, char **response)
{
    return serve(method, request, response);
}
int cni_add(const char *request, char **response) { return serve("add", request, response); }
int cni_describe(char **response) { return serve("describe", "{}", response); }
void cni_free(void *p) { free(p); }
const char *cni_version(void) { return "0.0.9"; }
int cni_abi_version(void) { return 7; }
const char *cni_strerror(int code) { return code == 0 ? "fine" : "not fine"; }
int cni_cancel(const char *id)
{
    cancelled = id != NULL && *id != '\0';
    return 0;
}
int cni_set_log(cni_dl_log_fn fn, void *user)
{
    log_fn = fn;
    log_user = user;
    return 0;
}
#endif

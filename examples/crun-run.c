/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a container of crun on a network: creates a network namespace, attaches it, runs "crun run"
 * with the namespace in the container's configuration, and cleans up after the container exited.
 *
 *     cc crun-run.c -o crun-run
 *     sudo ./crun-run web BUNDLE ID [OPTION-OF-CRUN ...]
 *
 * The network is a name in /etc/cni/net.d, or the path of a .conflist. NETWORK_OPTIONS may hold the
 * options of the requests, CAPABILITY_ARGS an object such as {"portMappings":[...]}. The bundle's
 * config.json has {"type":"network"} among its namespaces; crun gets a copy with the path added.
 *
 * The calls are isolated, as a runtime would make them: this process has no Go threads, and
 * waitpid(-1) returns only its own children. What another container of this id has is left alone.
 */
#include <cni_dl.h>

static cni_dl api;
static volatile pid_t container;

static void pass_on(int number)
{
    if (container > 0)
        kill(container, number);
}

/* Makes one call and prints an error. */
static int call(int (*verb)(cni_dl *, const char *, char **), const char *what, const char *request)
{
    char *response = NULL;
    int rc = verb(&api, request, &response);
    if (rc != 0)
        fprintf(stderr, "crun-run: %s: %s: %s\n", what, api.strerror(&api, rc), response);
    api.free(&api, response);
    return rc;
}

/* Ends the program without memory. */
static char *must(char *text)
{
    if (text == NULL) {
        fprintf(stderr, "crun-run: no memory\n");
        exit(1);
    }
    return text;
}

static char *join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 1;
    char *path = must((char *)malloc(size));
    snprintf(path, size, "%s%s", directory, name);
    return path;
}

/* Returns the file's text, or NULL. */
static char *read_file(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[length] = '\0';
    return length > 0 ? text : NULL;
}

/* Returns the position after the opening brace of the configuration's network namespace. */
static const char *network_namespace(const char *config)
{
    const char *p = cni_dl_find(cni_dl_find(config, "linux"), "namespaces");
    while (p != NULL && (*p == '[' || *p == ',')) {
        const char *one = p + 1 + strspn(p + 1, " \t\r\n"), *type = cni_dl_find(one, "type");
        if (type != NULL && strncmp(type, "\"network\"", 9) == 0)
            return cni_dl_find(one, "path") == NULL ? one + 1 : NULL;
        if ((p = cni_dl_value_end(one)) != NULL)
            p += strspn(p, " \t\r\n");
    }
    return NULL;
}

/* Writes the configuration, with the namespace's path, to a file in /tmp and returns its name. */
static char *configure(const char *bundle, const char *netns)
{
    static char name[] = "/tmp/crun-run-XXXXXX";
    char *path = join(bundle, "/config.json"), *config = read_file(path), *quoted;
    const char *place = config != NULL ? network_namespace(config) : NULL;
    int fd = place != NULL ? mkstemp(name) : -1;
    if (fd < 0) {
        fprintf(stderr, "crun-run: %s has no network namespace without a path\n", path);
        free(path);
        return NULL;
    }
    quoted = must(cni_dl_quote(netns));
    dprintf(fd, "%.*s\"path\":%s,%s", (int)(place - config), config, quoted, place);
    close(fd);
    free(quoted);
    free(path);
    return name;
}

/* Runs crun, waits for the container to exit, and returns its status. */
static int run(const char *bundle, const char *id, const char *config, char **options)
{
    char *argv[64] = {"crun"};
    int argc = 1, status = 0;
    while (*options != NULL && argc < 50)
        argv[argc++] = *options++;
    argv[argc++] = "run";
    argv[argc++] = "--bundle";
    argv[argc++] = (char *)bundle;
    argv[argc++] = "--config";
    argv[argc++] = (char *)config;
    argv[argc++] = (char *)id;
    if (posix_spawnp((pid_t *)&container, "crun", NULL, NULL, argv, environ) != 0)
        return 127;
    while (waitpid(-1, &status, 0) != container)
        ;
    container = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    const char *options = getenv("NETWORK_OPTIONS"), *capabilities = getenv("CAPABILITY_ARGS");
    char *error, *id, *path, *netns, *attachment, *config;
    int status = 1;
    if (argc < 4 || *argv[3] == '\0') {
        fprintf(stderr, "usage: crun-run NETWORK BUNDLE ID [OPTION-OF-CRUN ...]\n");
        return 2;
    }
    if (cni_dl_open_outside(&api, NULL, NULL, &error) != 0) {
        fprintf(stderr, "crun-run: %s\n", error);
        return 1;
    }
    signal(SIGINT, pass_on);
    signal(SIGTERM, pass_on);
    id = must(cni_dl_container_id(argv[3]));
    path = join("/run/netns/", id);
    netns = must(cni_dl_json("{\"path\":%s}", path));
    attachment = must(
        cni_dl_json("{\"containerId\":%s,%s:%s,\"netns\":%s,\"capabilityArgs\":%j,\"options\":%j}",
            id, argv[1][0] == '/' ? "networkFile" : "network", argv[1], path,
            capabilities != NULL ? capabilities : "{}", options != NULL ? options : "{}"));
    if (call(api.netns_create, "the namespace", netns) == 0) {
        if (call(api.add, "attaching", attachment) == 0) {
            config = configure(argv[2], path);
            if (config != NULL) {
                status = run(argv[2], argv[3], config, argv + 4);
                unlink(config);
            }
            if (call(api.del, "detaching", attachment) != 0)
                status = 1;
        }
        if (call(api.netns_delete, "the namespace", netns) != 0)
            status = 1;
    }
    free(attachment);
    free(netns);
    free(path);
    free(id);
    cni_dl_close(&api);
    return status;
}

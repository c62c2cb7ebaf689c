/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cnitool in C: adds, checks and removes the interface of a network namespace on a named network.
 *
 *     cc cnitool.c $(pkg-config --cflags --libs libcni) -o cnitool
 *     sudo NETCONFPATH=/etc/cni/net.d ./cnitool add web /run/netns/blue
 *
 * The environment is that of the CNI project's cnitool: NETCONFPATH is the directory of the
 * networks, CNI_PATH the directories of the plugin executables, CNI_IFNAME the interface name,
 * CNI_ARGS "K=V;K=V", CAP_ARGS a JSON object of capability arguments. CNITOOL_STATE selects another
 * directory for the state, for trying the example.
 *
 * The example shows how to build a request from untrusted strings.
 */
#define _POSIX_C_SOURCE 200809L
#include <cni.h>
#include <cni_dl.h> /* only for cni_dl_quote */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A growing string. */
struct text {
    char *data;
    size_t length, room;
};

static void append(struct text *t, const char *data, size_t length)
{
    if (t->room - t->length <= length) {
        t->room = (t->room + length) * 2 + 64;
        t->data = realloc(t->data, t->room);
        if (t->data == NULL) {
            perror("cnitool");
            exit(1);
        }
    }
    memcpy(t->data + t->length, data, length);
    t->length += length;
    t->data[t->length] = '\0';
}

static void put(struct text *t, const char *s) { append(t, s, strlen(s)); }

/* Appends a JSON string. */
static void put_string_of(struct text *t, const char *s, size_t length)
{
    char *copy = strndup(s, length), *quoted = copy != NULL ? cni_dl_quote(copy) : NULL;
    if (quoted == NULL) {
        perror("cnitool");
        exit(1);
    }
    put(t, quoted);
    free(quoted);
    free(copy);
}

static void put_string(struct text *t, const char *s) { put_string_of(t, s, strlen(s)); }

/* Appends the key of an object's member, preceded by a comma unless it is the first. */
static void put_key(struct text *t, const char *key)
{
    if (t->data[t->length - 1] != '{')
        put(t, ",");
    put_string(t, key);
    put(t, ":");
}

static void put_member(struct text *t, const char *key, const char *value)
{
    put_key(t, key);
    put_string(t, value);
}

/* Converts "/opt/cni/bin:/usr/lib/cni" to ["/opt/cni/bin","/usr/lib/cni"], without empty parts. */
static void put_list(struct text *t, const char *list, const char *separator)
{
    const char *comma = "";
    put(t, "[");
    while (*list) {
        size_t length = strcspn(list, separator);
        if (length > 0) {
            put(t, comma);
            put_string_of(t, list, length);
            comma = ",";
        }
        list += length;
        if (*list)
            list++;
    }
    put(t, "]");
}

/* Converts "IP=10.1.2.3;MAC=…" to [["IP","10.1.2.3"],["MAC","…"]]. Returns 0 if malformed. */
static int put_args(struct text *t, const char *args)
{
    const char *comma = "";
    put(t, "[");
    while (*args) {
        size_t length = strcspn(args, ";"), key = strcspn(args, "=");
        if (key == 0 || key >= length)
            return 0;
        put(t, comma);
        put(t, "[");
        put_string_of(t, args, key);
        put(t, ",");
        put_string_of(t, args + key + 1, length - key - 1);
        put(t, "]");
        comma = ",";
        args += length;
        if (*args)
            args++;
    }
    put(t, "]");
    return 1;
}

static void put_options(struct text *t)
{
    const char *dir = getenv("NETCONFPATH"), *path = getenv("CNI_PATH"),
               *state = getenv("CNITOOL_STATE");
    put_key(t, "options");
    put(t, "{");
    put_member(t, "confDir", dir && *dir ? dir : "/etc/cni/net.d");
    if (path && *path) {
        put_key(t, "pluginDirs");
        put_list(t, path, ":");
    }
    if (state && *state) {
        char sub[PATH_MAX];
        snprintf(sub, sizeof sub, "%s/cache", state);
        put_member(t, "cacheDir", sub);
        snprintf(sub, sizeof sub, "%s/state", state);
        put_member(t, "stateDir", sub);
    }
    put(t, "}");
}

/* The container id must be the same for the same namespace: an FNV-1a hash of the path. */
static void put_container_id(struct text *t, const char *netns)
{
    char id[40];
    unsigned long long hash = 14695981039346656037ULL;
    for (; *netns; netns++)
        hash = (hash ^ (unsigned char)*netns) * 1099511628211ULL;
    snprintf(id, sizeof id, "cnitool-%016llx", hash);
    put_member(t, "containerId", id);
}

static int put_request(struct text *t, const char *network, const char *netns)
{
    const char *name = getenv("CNI_IFNAME"), *args = getenv("CNI_ARGS"),
               *capabilities = getenv("CAP_ARGS");
    struct text path = {NULL, 0, 0};
    if (*netns != '/') {
        char cwd[PATH_MAX];
        if (getcwd(cwd, sizeof cwd) == NULL) {
            perror("cnitool");
            return 0;
        }
        put(&path, cwd);
        put(&path, "/");
    }
    put(&path, netns);
    put(t, "{");
    put_member(t, "network", network);
    put_member(t, "netns", path.data);
    put_container_id(t, path.data);
    free(path.data);
    put_member(t, "ifName", name && *name ? name : "eth0");
    if (args && *args) {
        put_key(t, "args");
        if (!put_args(t, args)) {
            fprintf(stderr, "cnitool: CNI_ARGS is not K=V;K=V: %s\n", args);
            return 0;
        }
    }
    if (capabilities && *capabilities) {
        put_key(t, "capabilityArgs");
        put(t, capabilities); /* already JSON; libcni refuses malformed JSON */
    }
    put_options(t);
    put(t, "}");
    return 1;
}

int main(int argc, char **argv)
{
    int (*verb)(const char *, char **) = NULL;
    if (argc == 4 && strcmp(argv[1], "add") == 0)
        verb = cni_add;
    if (argc == 4 && strcmp(argv[1], "del") == 0)
        verb = cni_del;
    if (argc == 4 && strcmp(argv[1], "check") == 0)
        verb = cni_check;
    if (verb == NULL) {
        fprintf(stderr, "usage: %s add|del|check NETWORK NETNS\n", argv[0]);
        return 1;
    }

    struct text request = {NULL, 0, 0};
    if (!put_request(&request, argv[2], argv[3]))
        return 1;
    char *response;
    int rc = verb(request.data, &response);
    if (rc != 0)
        fprintf(stderr, "cnitool: %s\n%s\n", cni_strerror(rc), response);
    else if (verb == cni_add)
        puts(response);
    cni_free(response);
    free(request.data);
    return rc != 0;
}

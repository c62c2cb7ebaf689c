/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a volume of a Docker or Podman volume plugin: create, mount, write a file, unmount,
 * remove.
 *
 *     cc volume.c $(pkg-config --cflags --libs libcni) -pthread -o volume && sudo ./volume PLUGIN
 *
 * PLUGIN is the name of a plugin, which is searched for as Docker does, or its address, such as
 * unix:///run/docker/plugins/x.sock.
 */
#include <cni.h>
#include <cni_dl.h> /* only for cni_dl_json */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

/* Makes one call. The caller frees the response with cni_free. */
static char *call(
    int (*verb)(const char *, char **), const char *what, const char *format, const char *plugin)
{
    char *request = cni_dl_json(format, plugin), *response = NULL;
    int rc;
    rc = verb(request, &response); /* refuses NULL */
    free(request);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n%s\n", what, cni_strerror(rc), response);
    printf("%s %s\n", rc == 0 ? "ok  " : "FAIL", what);
    failures += rc != 0;
    if (rc == 0)
        return response;
    cni_free(response);
    return NULL;
}

/* Returns the path in {"mountpoint":"/..."}. */
static char *mountpoint(const char *response)
{
    return response != NULL ? cni_dl_unquote(cni_dl_find(response, "mountpoint")) : NULL;
}

static void write_file(const char *directory)
{
    char path[4096];
    FILE *file;
    int written;
    snprintf(path, sizeof path, "%s/hello", directory);
    file = fopen(path, "w");
    written = file != NULL && fputs("hello from libcni\n", file) >= 0;
    written = file != NULL && fclose(file) == 0 && written;
    printf("%s a file is written: %s\n", written ? "ok  " : "FAIL", path);
    failures += !written;
}

int main(int argc, char **argv)
{
    char *response, *path;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PLUGIN\n", argv[0]);
        return 2;
    }
    cni_free(call(cni_volume_create, "the volume is created",
        "{\"plugin\":%s,\"name\":\"libcni-demo\"}", argv[1]));
    if (failures == 0) {
        /* The id identifies the mount's user; unmounting requires the same id. */
        response = call(cni_volume_mount, "the volume is mounted",
            "{\"plugin\":%s,\"name\":\"libcni-demo\",\"id\":\"demo\"}", argv[1]);
        path = mountpoint(response);
        if (path != NULL)
            write_file(path);
        free(path);
        cni_free(response);
        cni_free(call(cni_volume_unmount, "the volume is unmounted",
            "{\"plugin\":%s,\"name\":\"libcni-demo\",\"id\":\"demo\"}", argv[1]));
        cni_free(call(cni_volume_remove, "the volume is removed",
            "{\"plugin\":%s,\"name\":\"libcni-demo\"}", argv[1]));
    }
    return failures != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays requests: each line of standard input is a method and a request in hexadecimal ("NULL"
 * for none). For each it prints the return value and the response, of the verb's own function and
 * of cni_call, which must agree.
 */
#define _GNU_SOURCE
#include <cni.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int verb(const char *request, char **response);

static const struct {
    const char *method;
    verb *function;
} verbs[] = {
    {"add", cni_add},
    {"del", cni_del},
    {"check", cni_check},
    {"repair", cni_repair},
    {"gc", cni_gc},
    {"status", cni_status},
    {"validate", cni_validate},
    {"networks", cni_networks},
    {"attachments", cni_attachments},
    {"plugins", cni_plugins},
    {"plugin.info", cni_plugin_info},
    {"convert", cni_convert},
    {"netns.create", cni_netns_create},
    {"netns.delete", cni_netns_delete},
    {"volume.create", cni_volume_create},
    {"volume.remove", cni_volume_remove},
    {"volume.mount", cni_volume_mount},
    {"volume.unmount", cni_volume_unmount},
    {"volume.path", cni_volume_path},
    {"volume.get", cni_volume_get},
    {"volume.list", cni_volume_list},
    {"volume.capabilities", cni_volume_capabilities},
    {"volume.plugins", cni_volume_plugins},
};

static verb *find(const char *method)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].method, method) == 0)
            return verbs[i].function;
    return NULL;
}

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static char *decode(const char *hex)
{
    size_t length = strlen(hex) / 2;
    char *bytes;

    if (strcmp(hex, "NULL") == 0)
        return NULL;
    bytes = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    bytes[length] = '\0';
    return bytes;
}

static void replay(const char *method, const char *request)
{
    verb *function = find(method);
    char *response = NULL;
    int rc = function != NULL ? function(request, &response) : cni_call(method, request, &response);

    printf("%d %s\n", rc, response);
    cni_free(response);
    rc = cni_call(method, request, &response);
    printf("%d %s\n", rc, response);
    cni_free(response);
    rc = function != NULL ? function(request, NULL) : cni_call(method, request, NULL);
    printf("%d\n", rc);
    fflush(stdout);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *method = strtok(line, " \n"), *hex = strtok(NULL, " \n");
        char *request = decode(hex == NULL ? "" : hex);
        replay(method, request);
        free(request);
    }
    free(line);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.c by way of cni_dl.h: modes MODE PATH. Each line of standard input is a method and a
 * request in hexadecimal ("NULL" for none); the answers are those of the table's own function and
 * of call.
 */
#include <cni_dl.h>

typedef int verb(cni_dl *api, const char *request, char **response);

static cni_dl api;

static verb *find(const char *method)
{
#define VERB(name, text)                                                                           \
    if (strcmp(method, text) == 0)                                                                 \
        return api.name;
    CNI_DL_VERBS(VERB)
#undef VERB
    return NULL;
}

static char *decode(const char *hex)
{
    size_t length = strlen(hex) / 2;
    char *bytes;
    unsigned value;

    if (strcmp(hex, "NULL") == 0)
        return NULL;
    bytes = (char *)malloc(length + 1);
    for (size_t i = 0; i < length; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        value = (unsigned)strtoul(digits, NULL, 16);
        bytes[i] = (char)value;
    }
    bytes[length] = '\0';
    return bytes;
}

static void replay(const char *method, const char *request)
{
    verb *function = find(method);
    char *response = NULL;
    int rc = function != NULL ? function(&api, request, &response)
                              : api.call(&api, method, request, &response);

    printf("%d %s\n", rc, response);
    api.free(&api, response);
    rc = api.call(&api, method, request, &response);
    printf("%d %s\n", rc, response);
    api.free(&api, response);
    rc = function != NULL ? function(&api, request, NULL) : api.call(&api, method, request, NULL);
    printf("%d\n", rc);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char *line = NULL, *error;
    size_t size = 0;
    int mode = argc != 3                            ? -1
               : strcmp(argv[1], "in-process") == 0 ? CNI_DL_INPROCESS
               : strcmp(argv[1], "isolated") == 0   ? CNI_DL_ISOLATED
               : strcmp(argv[1], "exec") == 0       ? CNI_DL_EXEC
                                                    : -1;

    if (cni_dl_open(&api, argc == 3 ? argv[2] : NULL, mode, &error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    while (getline(&line, &size, stdin) > 0) {
        char *method = strtok(line, " \n"), *hex = strtok(NULL, " \n");
        char *request = decode(hex == NULL ? "" : hex);
        replay(method, request);
        free(request);
    }
    free(line);
    cni_dl_close(&api);
    return 0;
}

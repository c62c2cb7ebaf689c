/* SPDX-License-Identifier: Apache-2.0 */
/* Serves one request, as "cni call METHOD" does, through libcni.so. */
#include <cni.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static char request[1 << 20];
    char *response = NULL;
    if (argc != 2)
        return 2;
    cni_describe(NULL); /* waits until the library has started, so that what follows is the call */
    size_t size = fread(request, 1, sizeof request - 1, stdin);
    if (ferror(stdin) || size == sizeof request - 1)
        return 2;
    int code = cni_call(argv[1], request, &response);
    printf("{\"rc\":%d,\"response\":%s}\n", code, response);
    cni_free(response);
    return 0;
}

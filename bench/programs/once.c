/* SPDX-License-Identifier: Apache-2.0 */
/* The cold case: METHOD and REQUEST as arguments, one call, exit. */
#include <cni.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char *response = NULL;
    if (argc != 3)
        return 2;
    int rc = cni_call(argv[1], argv[2], &response);
    printf("%s\n", response);
    cni_free(response);
    return rc != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A static program: what it gets in each mode. Arguments: the library, the command. */
#include <cni_dl.h>

static void try_mode(const char *name, const char *path, int mode)
{
    cni_dl api;
    char *response = NULL;
    int rc = cni_dl_open(&api, path, mode, &response);
    if (rc == 0) {
        rc = api.networks(&api, "{\"options\":{\"confDir\":\"/nonexistent\"}}", &response);
        cni_dl_close(&api);
    }
    printf("%s %d %s\n", name, rc, response);
    free(response);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    try_mode("in-process", argv[1], CNI_DL_INPROCESS);
    try_mode("isolated", argv[1], CNI_DL_ISOLATED);
    try_mode("exec", argv[2], CNI_DL_EXEC);
    return 0;
}

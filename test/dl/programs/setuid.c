/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the command without a path, and prints what a child of it sees of the environment, and the
 * error if that fails. */
#include <cni_dl.h>

int main(void)
{
    cni_dl api;
    char *response = NULL;
    int rc = cni_dl_open(&api, NULL, CNI_DL_EXEC, &response);
    if (rc == 0)
        rc = api.call(&api, "where", "{}", &response);
    printf("secure %lu rc %d %s\n", getauxval(AT_SECURE), rc, response);
    return 0;
}

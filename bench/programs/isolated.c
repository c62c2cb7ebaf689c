/* SPDX-License-Identifier: Apache-2.0 */
/* The driver through cni_dl.h in isolated mode: each call runs in a child. LIBRARY is the path of
 * the library. */
#include <cni_dl.h>

#include "harness.h"

static cni_dl api;

static int perform(const char *method, const char *request, char **response)
{
    return api.call(&api, method, request, response);
}

static void give_back(char *response) { api.free(&api, response); }

int main(void)
{
    char *response = NULL;
    if (cni_dl_open(&api, LIBRARY, CNI_DL_ISOLATED, &response) != 0) {
        fprintf(stderr, "%s\n", response);
        return 1;
    }
    serve();
    cni_dl_close(&api);
    return 0;
}

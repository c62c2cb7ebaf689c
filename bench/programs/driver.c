/* SPDX-License-Identifier: Apache-2.0 */
/* Calls libcni.so, which it is linked with. */
#define _GNU_SOURCE
#include "harness.h"
#include <cni.h>

static int perform(const char *method, const char *request, char **response)
{
    return cni_call(method, request, response);
}

static void give_back(char *response) { cni_free(response); }

int main(void)
{
    serve();
    return 0;
}

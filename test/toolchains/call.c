/* SPDX-License-Identifier: Apache-2.0 */
/* Shows that a library that was built works: its version, and a network that it validates. */
#include <cni.h>

#include <stdio.h>
#include <string.h>

static const char request[] =
    "{\"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"one\",\"plugins\":["
    "{\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\","
    "\"ranges\":[[{\"subnet\":\"10.9.0.0/24\"}]]}}]},"
    "\"options\":{\"builtins\":\"only\"}}";

int main(void)
{
    char *response;
    int rc = cni_validate(request, &response);
    int valid = rc == 0 && strstr(response, "\"bridge\"") != NULL;

    printf("libcni %s: %d %s\n", cni_version(), rc, response);
    cni_free(response);
    return !(valid && strcmp(cni_version(), CNI_VERSION) == 0);
}

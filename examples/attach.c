/* SPDX-License-Identifier: Apache-2.0 */
#include <cni.h>
#include <stdio.h>

int main(void)
{
    char *result; /* the CNI result, or the error: JSON in both cases */
    int rc = cni_add(
        "{\"network\":\"web\",\"containerId\":\"c1\",\"netns\":\"/run/netns/c1\"}", &result);
    puts(result);
    cni_free(result);
    return rc != 0;
}

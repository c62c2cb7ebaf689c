/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and descriptions of return values. */
#include "../include/cni.h"
#include "texts_generated.h"

#include <stddef.h>

const char *cni_strerror(int code)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    if (code < 0)
        return "unknown error of libcni";
    return code < 100 ? "CNI error" : "error of a plugin";
}

const char *cni_version(void) { return CNI_VERSION; }

int cni_abi_version(void) { return CNI_ABI_VERSION; }

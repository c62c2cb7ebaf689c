/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and the words for return values. */
#include "../include/cni.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    int code;
    const char *text;
} texts[] = {
    {0, "success"},
    {1, "incompatible CNI version"},
    {2, "unsupported field in the network configuration"},
    {3, "container unknown, or does not exist"},
    {4, "invalid or missing parameter"},
    {5, "I/O failure"},
    {6, "failed to decode content"},
    {7, "invalid network configuration"},
    {8, "invalid network namespace"},
    {11, "try again later"},
    {50, "the plugin is not available"},
    {51, "the plugin is not available, and existing containers may have limited connectivity"},
    {999, "internal error of a plugin"},
    {-EINVAL, "invalid request, configuration or namespace"},
    {-ENOENT, "network, plugin, namespace or volume not found"},
    {-EEXIST, "attached already, or the interface exists"},
    {-ETIMEDOUT, "the deadline passed"},
    {-ECANCELED, "cancelled"},
    {-EBUSY, "busy: a lock, a requestId in use, or called from a log callback"},
    {-EPROTO, "a plugin's output is no good answer"},
    {-EPROTOTYPE, "a plugin, but not for volumes"},
    {-ECONNREFUSED, "no connection to the volume plugin"},
    {-ECHILD, "nothing tells how a plugin's process ended"},
    {-EIO, "state on disk cannot be read or written"},
    {-ENOSPC, "no space left for the state on disk"},
    {-EROFS, "the state directory is read-only"},
    {-EACCES, "no access to the state on disk"},
    {-EMFILE, "too few free descriptors"},
    {-EPERM, "CAP_NET_ADMIN and CAP_SYS_ADMIN are needed"},
    {-ENOTSUP, "not supported by the kernel, the version or the mode"},
    {-ENOTRECOVERABLE, "the process was forked after libcni was loaded"},
    {-EFAULT, "a defect of libcni was caught"},
};

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

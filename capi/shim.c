/* SPDX-License-Identifier: Apache-2.0 */
/* The C entry points that lead into Go. They refuse what must not get there, and decide nothing else. */
#define _GNU_SOURCE
#include "shim.h"
#include "guest.h"
#include "log.h"
#include "response.h"
#include "start.h"

#include "../include/cni.h"
#include "_cgo_export.h"

#include <errno.h>
#include <string.h>

typedef int entry(struct shim_call *);

/* Calls Go with what a call needs, and keeps the thread as the host has it. */
static int enter(entry *go, struct shim_call *call, char **response)
{
    struct guest_thread thread;
    int rc;

    if (!start_go())
        return response_refuse(REFUSED_MEMORY, response);
    guest_enter(&thread);
    call->environment = guest_environment();
    call->wants_log = log_is_set();
    rc = go(call);
    guest_leave(&thread);
    if (call->response == NULL)
        return response_refuse(REFUSED_MEMORY, response);
    if (response != NULL)
        *response = call->response;
    else
        cni_free(call->response);
    return rc;
}

static int serve(entry *go, const char *method, const char *request, char **response)
{
    struct shim_call call = {.method = method, .request = request};

    if (start_forked())
        return response_refuse(REFUSED_FORKED, response);
    if (log_in_callback())
        return response_refuse(REFUSED_CALLBACK, response);
    if (method == NULL)
        return response_refuse(REFUSED_METHOD, response);
    if (request == NULL)
        return response_refuse(REFUSED_NULL, response);
    call.request_length = strnlen(request, CNI_MAX_REQUEST + 1);
    if (call.request_length > CNI_MAX_REQUEST)
        return response_refuse(REFUSED_SIZE, response);
    if (!guest_has_descriptors())
        return response_refuse(REFUSED_DESCRIPTORS, response);
    return enter(go, &call, response);
}

#define VERB(name, go)                                                                                                 \
    int name(const char *request, char **response) { return serve(go, "", request, response); }

VERB(cni_add, goCniAdd)
VERB(cni_del, goCniDel)
VERB(cni_check, goCniCheck)
VERB(cni_repair, goCniRepair)
VERB(cni_gc, goCniGC)
VERB(cni_status, goCniStatus)
VERB(cni_validate, goCniValidate)
VERB(cni_networks, goCniNetworks)
VERB(cni_attachments, goCniAttachments)
VERB(cni_plugins, goCniPlugins)
VERB(cni_plugin_info, goCniPluginInfo)
VERB(cni_convert, goCniConvert)
VERB(cni_netns_create, goCniNetnsCreate)
VERB(cni_netns_delete, goCniNetnsDelete)
VERB(cni_volume_create, goCniVolumeCreate)
VERB(cni_volume_remove, goCniVolumeRemove)
VERB(cni_volume_mount, goCniVolumeMount)
VERB(cni_volume_unmount, goCniVolumeUnmount)
VERB(cni_volume_path, goCniVolumePath)
VERB(cni_volume_get, goCniVolumeGet)
VERB(cni_volume_list, goCniVolumeList)
VERB(cni_volume_capabilities, goCniVolumeCapabilities)
VERB(cni_volume_plugins, goCniVolumePlugins)

int cni_call(const char *method, const char *request, char **response)
{
    return serve(goCniCall, method, request, response);
}

int cni_describe(char **response)
{
    struct shim_call call = {.request = ""};

    if (start_forked())
        return response_refuse(REFUSED_FORKED, response);
    return enter(goCniDescribe, &call, response);
}

int cni_cancel(const char *request_id)
{
    struct guest_thread thread;
    int rc;

    if (start_forked())
        return -ENOTRECOVERABLE;
    if (request_id == NULL)
        return -EINVAL;
    if (!start_begun())
        return -ENOENT;
    guest_enter(&thread);
    rc = goCniCancel((char *)request_id);
    guest_leave(&thread);
    return rc;
}

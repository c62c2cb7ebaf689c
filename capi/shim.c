/* SPDX-License-Identifier: Apache-2.0 */
/* The way from C into Go. It refuses the calls that must not enter Go and decides nothing else. The
 * functions for the verbs are generated: verbs_generated.c. */
#define _GNU_SOURCE
#include "shim.h"
#include "guest.h"
#include "log.h"
#include "response.h"
#include "goruntime/start.h"

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
        return response_refuse(start_lacks_threads() ? REFUSED_THREADS : REFUSED_MEMORY, response);
    guest_enter(&thread);
    call->environment = start_environment();
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

int shim_serve(const char *method, const char *request, char **response)
{
    struct shim_call call = {.method = method, .request = request};
    int rc;

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
    rc = enter(goCniCall, &call, response);
    guest_called();
    return rc;
}

int cni_call(const char *method, const char *request, char **response)
{
    return shim_serve(method, request, response);
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

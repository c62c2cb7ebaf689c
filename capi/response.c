/* SPDX-License-Identifier: Apache-2.0 */
#include "response.h"
#include "shim.h"

#include "../include/cni.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define STRINGIFY(x) #x
#define STRING(x) STRINGIFY(x)

#define ERROR_OBJECT(code, msg, kind, number, retryable)                                           \
    "{\"cniVersion\":\"1.1.0\",\"code\":" code ",\"msg\":\"" msg "\",\"kind\":\"" kind             \
    "\",\"errno\":\"" number "\",\"retryable\":" retryable "}"

/* The caller owns a response and may write to it, so none of these is const. */
static char forked[] = ERROR_OBJECT("999",
    "this process was forked after libcni was loaded, and the library does not survive "
    "that; exec a program first, or load libcni only in the child",
    "forked", "ENOTRECOVERABLE", "false");
static char null_request[] = ERROR_OBJECT("4",
    "the request is NULL; give a JSON object, {} at least", "invalid-request", "EINVAL", "false");
static char null_method[] = ERROR_OBJECT("4",
    "the method is NULL; give the name of one, such as add", "invalid-request", "EINVAL", "false");
static char too_long[] =
    ERROR_OBJECT("4", "the request is longer than " STRING(CNI_MAX_REQUEST) " bytes",
        "invalid-request", "EINVAL", "false");
static char in_callback[] = ERROR_OBJECT(
    "11", "this function may not be called from a log callback", "busy", "EBUSY", "false");
static char no_descriptors[] = ERROR_OBJECT("5",
    "the process has too few free descriptors; close some, or raise RLIMIT_NOFILE", "state",
    "EMFILE", "true");
static char no_threads[] = ERROR_OBJECT("2",
    "no thread can be made, which Go needs: a seccomp filter forbids clone3 without ENOSYS, or "
    "RLIMIT_NPROC or pids.max is reached; use exec mode of cni_dl.h, or raise the limit",
    "unsupported", "ENOTSUP", "false");
static char no_memory[] =
    ERROR_OBJECT("5", "there is no memory for the response", "state", "ENOMEM", "true");

static const struct {
    char *text;
    int rc;
} refusals[] = {
    [REFUSED_FORKED] = {forked, -ENOTRECOVERABLE},
    [REFUSED_NULL] = {null_request, -EINVAL},
    [REFUSED_METHOD] = {null_method, -EINVAL},
    [REFUSED_SIZE] = {too_long, -EINVAL},
    [REFUSED_CALLBACK] = {in_callback, -EBUSY},
    [REFUSED_DESCRIPTORS] = {no_descriptors, -EMFILE},
    [REFUSED_MEMORY] = {no_memory, -EIO},
    [REFUSED_THREADS] = {no_threads, -ENOTSUP},
};

/* The response is the text itself and not a copy: in a forked child malloc may wait forever for
 * a lock that a thread of the parent held. */
int response_refuse(enum refusal why, char **response)
{
    if (response != NULL)
        *response = refusals[why].text;
    return refusals[why].rc;
}

static bool is_static(const void *p)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (p == refusals[i].text)
            return true;
    return false;
}

void *shim_response(struct shim_call *call, size_t length)
{
    call->response = malloc(length + 1);
    if (call->response != NULL)
        call->response[length] = '\0';
    return call->response;
}

void cni_free(void *p)
{
    if (!is_static(p))
        free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the C side and the Go side of libcni.so know of each other. */
#ifndef LIBCNI_SHIM_H
#define LIBCNI_SHIM_H

#include <stddef.h>

/* One call on its way from C to Go. It lives on the caller's stack. */
struct shim_call {
    const char *method;
    const char *request; /* at most CNI_MAX_REQUEST bytes */
    size_t request_length;
    char **environment; /* NULL-terminated, never NULL */
    int wants_log;      /* a callback is set */
    char *response;     /* set by shim_response */
};

/* Serves a verb. method is what the description calls it. */
int shim_serve(const char *method, const char *request, char **response);

/* Makes room for an answer that the caller will cni_free, or returns NULL. Go copies into it: C
 * code that read Go's memory would look like a data race to a host's ThreadSanitizer, which does
 * not see how Go's threads synchronise. */
void *shim_response(struct shim_call *call, size_t length);

/* Runs the host's callback, if one is set, on this thread. */
void shim_log(const char *event);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Error objects that are made without Go. */
#ifndef LIBCNI_RESPONSE_H
#define LIBCNI_RESPONSE_H

enum refusal {
    REFUSED_FORKED,
    REFUSED_NULL,
    REFUSED_METHOD,
    REFUSED_SIZE,
    REFUSED_CALLBACK,
    REFUSED_DESCRIPTORS,
    REFUSED_MEMORY,
    REFUSED_THREADS
};

/* Sets *response, if response is not NULL, to the refusal's error object. Returns its return
 * value. */
int response_refuse(enum refusal why, char **response);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBCNI_LOG_H
#define LIBCNI_LOG_H

#include <stdbool.h>

/* Whether the calling thread is in the host's log callback. */
bool log_in_callback(void);

/* Whether a callback is set. */
bool log_is_set(void);

#endif

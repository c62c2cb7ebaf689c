/* SPDX-License-Identifier: Apache-2.0 */
/* The library's own memory. */
#ifndef LIBCNI_MEMORY_H
#define LIBCNI_MEMORY_H

#include <stdbool.h>

/* Has the library's pages mapped by a thread that waits for others, if these have another processor, until it is enough. */
void memory_touch(bool (*enough)(void));

#endif

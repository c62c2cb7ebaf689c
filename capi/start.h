/* SPDX-License-Identifier: Apache-2.0 */
/* Go in the host's process: whether it has been started, and where. */
#ifndef LIBCNI_START_H
#define LIBCNI_START_H

#include <semaphore.h>
#include <stdbool.h>

/* The environment's only entry while cni_dl.h loads a library that is to start Go at its first call. It has no "=": no
 * environment of a program is that, and no getenv finds it. */
#define START_LATER "libcni: start later"

/* Posted by Go when its start is complete. */
extern sem_t start_complete;

/* Starts Go unless it runs. False if there is no memory for it. */
bool start_go(void);

/* Whether Go is started by the first call. */
bool start_is_late(void);

/* Whether Go was started in this process, or in one that it was forked from. */
bool start_begun(void);

/* Whether Go was started in a process that this one was forked from. */
bool start_forked(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Go in the host's process: whether it has been started, and where. */
#ifndef LIBCNI_START_H
#define LIBCNI_START_H

#include <semaphore.h>
#include <stdbool.h>
#include <sys/resource.h>

/* The only entry of the environment while cni_dl.h loads a library that starts Go at its first
 * call. It has no "=", so that no program has such an environment and no getenv finds it. */
#define START_LATER "libcni: start later"

/* Starts Go unless it runs. False if there is no memory for it, or no thread can be made. */
bool start_go(void);

/* Whether Go was not started because no thread can be made. */
bool start_lacks_threads(void);

/* Whether Go was started in this process, or in one that it was forked from. */
bool start_begun(void);

/* Whether Go was started in a process that this one was forked from. */
bool start_forked(void);

/* The host's environment, NULL-terminated. It is empty in set-uid programs. */
char **start_environment(void);

/* The limit on open files that the host had before Go started; false if it could not be read. */
bool start_host_nofile(struct rlimit *limit);

/* Posted by Go when its start is complete. */
extern sem_t start_complete;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How libcni behaves as a guest in the host's process. */
#ifndef LIBCNI_GUEST_H
#define LIBCNI_GUEST_H

#include <signal.h>
#include <stdbool.h>

/* Whether the process can open enough descriptors for a call. It opens none itself. */
bool guest_has_descriptors(void);

/* Records that a call has been made: Go's poller is open. */
void guest_called(void);

/* The state of the calling thread that entering Go may change and leaving it restores. */
struct guest_thread {
    sigset_t mask;
    int error;
};

void guest_enter(struct guest_thread *thread);
void guest_leave(const struct guest_thread *thread);

#endif

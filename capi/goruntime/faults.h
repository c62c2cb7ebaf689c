/* SPDX-License-Identifier: Apache-2.0 */
/* Who handles a fault: Go if it happens in Go's code, otherwise the host. */
#ifndef LIBCNI_FAULTS_H
#define LIBCNI_FAULTS_H

/* Records how the host handles faults. It is called before Go installs its handlers. */
void faults_record(void);

/* Puts a handler before those that Go has installed. */
void faults_divide(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the test programs share: a test prints "ok NAME" or "not ok NAME: WHY" when it ends. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test function with a reason unless the condition holds. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("not ok %s: line %d: %s:", __func__, __LINE__, #condition);                     \
            printf(" " __VA_ARGS__);                                                               \
            printf("\n");                                                                          \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define PASS()                                                                                     \
    do {                                                                                           \
        printf("ok %s\n", __func__);                                                               \
        return;                                                                                    \
    } while (0)

/* Ends the process: for what must hold in every test. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("not ok %s: line %d: %s\n", __func__, __LINE__, #condition);                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif

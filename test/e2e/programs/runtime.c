/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime does with the function of docs/embedding-runtimes.md, which is in recipe.h:
 *
 *     runtime attach|detach ID PID NETWORK OPTIONS [threads]
 */
#include "recipe.h"

static void *wait_forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    char *response = NULL;
    pthread_t thread;
    int rc;
    if (argc < 6)
        return 2;
    if (argc > 6 && pthread_create(&thread, NULL, wait_forever, NULL) != 0)
        return 2;
    rc = change(argv[2], (pid_t)atoi(argv[3]), strcmp(argv[1], "attach") == 0 ? argv[4] : NULL,
        argv[5], &response);
    puts(response != NULL ? response : "no memory");
    free(response);
    return rc != 0;
}

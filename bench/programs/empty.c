/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libcni.so and calls nothing of it that needs Go: what is left is the time a program takes
 * to start with it. ALONE is the same program without it, NOTHING with a library in Go that does
 * nothing, which is called since it starts beside. */
#if defined ALONE
int main(void) { return 0; }
#elif defined NOTHING
void nothing(void);

int main(void)
{
    nothing();
    return 0;
}
#else
#include <cni.h>

int main(void) { return cni_abi_version() < 0; }
#endif

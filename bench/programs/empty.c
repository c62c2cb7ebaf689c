/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libcni.so and calls nothing that needs Go: this measures the time that a program takes to
 * start with it. With ALONE the same program is built without the library, with NOTHING with a
 * library in Go that does nothing. That library is called, because its runtime starts in parallel.
 * */
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

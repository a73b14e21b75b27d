/* The header twice in one file, and once more in include_b.c: nothing in it may define a symbol. */
#include "marl_ffi.h"
#include "marl_ffi.h"

#include <stdio.h>

uint32_t version_seen_by_b(void);

int main(void) {
    int same = version_seen_by_b() == marl_abi_version() && marl_abi_version() == MARL_ABI_VERSION;
    printf("1 checks, %d failed\n", !same);
    return !same;
}

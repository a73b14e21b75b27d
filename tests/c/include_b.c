#include "marl_ffi.h"

uint32_t version_seen_by_b(void);

uint32_t version_seen_by_b(void) {
    return MARL_ABI_VERSION;
}

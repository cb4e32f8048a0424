/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* The header is what C firmware sees, and what the Swift side is checked against. */

#include "erofs.h"

#if defined(__cplusplus)
#define EROFS_ASSERT static_assert
#else
#define EROFS_ASSERT _Static_assert
#endif

EROFS_ASSERT(sizeof(erofs_result) == 4, "results are passed as int");
EROFS_ASSERT(offsetof(erofs, detail) == 8, "the reader's state holds 64-bit numbers");
EROFS_ASSERT(offsetof(erofs, what) == 20, "no width of an enumeration moves a field");

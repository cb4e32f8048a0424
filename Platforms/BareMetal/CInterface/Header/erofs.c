/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* The header is what C firmware sees, and what the Swift side is checked against. */

#include "erofs.h"

_Static_assert(sizeof(erofs_result) == 4, "results are passed as int");
_Static_assert(_Alignof(erofs) == 8, "the reader's state holds 64-bit numbers");

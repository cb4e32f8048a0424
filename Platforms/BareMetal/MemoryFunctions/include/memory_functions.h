/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* The functions that compilers call without being asked to: copies, and the arithmetic that small processors do in software.
 * A program whose C library has them does not need these. */

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);

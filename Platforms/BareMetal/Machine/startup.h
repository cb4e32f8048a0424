/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* What both kinds of processors start with. */

#include "machine.h"

extern unsigned char machine_data_stored[], machine_guard[];

int main(int, char **);
void *memcpy(void *restrict, const void *restrict, size_t);
void *memset(void *, int, size_t);
/* The program came to its end without saying how it went. */
_Noreturn void machine_returned(void);
void machine_trap_entry(void);

/* Paints the stack, and gives variables their first values. */
void machine_prepare(void);

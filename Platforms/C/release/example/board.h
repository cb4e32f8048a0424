/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* What the example needs of a board. board.c does it by semihosting, which QEMU and debuggers know; a product writes to its
 * serial port instead. */

#include <stddef.h>

void board_write(const char *text, size_t count);
_Noreturn void board_exit(int status);

/* How deep the stack has been since it was painted, in bytes below the caller. start.c */
void stack_paint(void);
size_t stack_used(void);

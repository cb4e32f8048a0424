/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What only the compiler of the C knows of its processor, as Core asks for it (Codecs/Support/Machine.swift). start.h answers. */

int erofs_loads_any_word(void) __attribute__((const));
int erofs_favours_time(void) __attribute__((const));

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What Swift has no word for: asks for a line of memory that will be written, and goes on without it. */
static inline __attribute__((always_inline)) void prefetch_for_writing(const void *line) {
  __builtin_prefetch(line, 1, 3);
}

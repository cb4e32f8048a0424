/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#include "startup.h"

void machine_stack_paint(void) {
  /* From the bottom up to well below this function's own frame. */
  volatile uint32_t *end = (volatile uint32_t *)((uintptr_t)__builtin_frame_address(0) - 64 & ~(uintptr_t)3);
  for (volatile uint32_t *word = (volatile uint32_t *)machine_stack_bottom; word < end; word++) *word = MACHINE_PAINT;
}

size_t machine_stack_used(void) {
  const volatile uint32_t *word = (const volatile uint32_t *)machine_stack_bottom;
  while (word < (const volatile uint32_t *)machine_stack_top && *word == MACHINE_PAINT) word++;
  return (size_t)(machine_stack_top - (unsigned char *)word);
}

void machine_prepare(void) {
  machine_stack_paint();
  memcpy(machine_data_start, machine_data_stored, (size_t)(machine_data_end - machine_data_start));
  memset(machine_bss_start, 0, (size_t)(machine_bss_end - machine_bss_start));
}

_Noreturn void machine_returned(void) {
  const machine_trap trap = {.cause = 0};
  machine_trapped(&trap);
}

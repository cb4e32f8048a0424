/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* From reset to main: the stack, variables, and what a processor needs besides. */

#include "board.h"

#include <stdint.h>

/* board.ld */
extern char stack_bottom[], stack_top[], data_start[], data_end[], data_stored[], bss_start[], bss_end[];

int main(void);

__attribute__((noreturn, used)) static void start(void) {
  const char *from = data_stored;
  for (char *to = data_start; to < data_end;) *to++ = *from++;
  for (char *to = bss_start; to < bss_end;) *to++ = 0;
  main();
  for (;;) {}
}

enum { PAINT = 0xa5, MARGIN = 64 };

__attribute__((noinline)) void stack_paint(void) {
  volatile char here;
  for (volatile char *at = stack_bottom; at + MARGIN < &here; at++) *at = (char)PAINT;
}

__attribute__((noinline)) size_t stack_used(void) {
  volatile char here;
  const volatile char *at = stack_bottom;
  while (at < &here && *at == (char)PAINT) at++;
  return (size_t)(&here - at);
}

#if defined(__arm__)
__attribute__((noreturn, used)) void reset(void) {
#if defined(__ARM_FP)
  /* The floating point unit is off after a reset. */
  *(volatile uint32_t *)0xe000ed88u |= 15u << 20;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  start();
}

__attribute__((noreturn, used)) static void fault(void) {
  for (;;) {}
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {(vector)stack_top, reset, [2 ... 15] = fault};
#elif defined(__riscv)
__asm__(".section .vectors, \"ax\"\n\t.globl reset\n"
        "reset:\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n"
        "\tla sp, stack_top\n\tj start\n\t.text");
#elif defined(__m68k__)
__asm__(".section .vectors, \"ax\"\n\t.globl reset\n"
        "reset:\tmove.w #0x2700, %sr\n\tlea stack_top, %sp\n\tjmp start\n\t.text");
#endif

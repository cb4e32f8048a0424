/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Output and exit by semihosting: an instruction that a debugger, or QEMU, takes as a call. */

#include "board.h"

#include <stdint.h>

#if defined(__m68k__)
static void call(uintptr_t operation, uintptr_t argument) {
  register uintptr_t d0 __asm__("d0") = operation;
  register uintptr_t d1 __asm__("d1") = argument;
  /* The word that follows lies at a multiple of 4. */
  __asm__ volatile(".balignw 4, 0x4e71\n\tnop\n\thalt\n\t.long 0x4e7bf000" : "+d"(d0) : "d"(d1) : "memory");
}
enum { EXIT = 0, WRITE = 5 };

void board_write(const char *text, size_t count) {
  const uintptr_t file[3] = {1, (uintptr_t)text, count};
  if (count) call(WRITE, (uintptr_t)file);
}

_Noreturn void board_exit(int status) {
  for (;;) call(EXIT, (uintptr_t)status);
}
#else
static void call(uintptr_t operation, uintptr_t argument) {
#if defined(__arm__)
  register uintptr_t r0 __asm__("r0") = operation;
  register uintptr_t r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#elif defined(__riscv)
  register uintptr_t a0 __asm__("a0") = operation;
  register uintptr_t a1 __asm__("a1") = argument;
  /* The three lie in one page, and none is compressed. */
  __asm__ volatile(".option push\n\t.option norvc\n\t.balign 16\n\tslli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                   : "+r"(a0) : "r"(a1) : "memory");
#else
#error "write board_write and board_exit for this processor"
#endif
}
enum { WRITE_CHARACTER = 3, EXIT = 0x20 };

void board_write(const char *text, size_t count) {
  while (count--) call(WRITE_CHARACTER, (uintptr_t)text++);
}

_Noreturn void board_exit(int status) {
  const uintptr_t reason[2] = {0x20026, (uintptr_t)status};
  for (;;) call(EXIT, (uintptr_t)reason);
}
#endif

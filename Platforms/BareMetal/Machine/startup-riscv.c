/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#if defined(__riscv)

/* Reset and traps of RISC-V in machine mode. */

#include "machine.h"
#include "startup.h"

__attribute__((noreturn, used)) static void start(void) {
  machine_prepare();
  main(0, 0);
  machine_returned();
}

/* Below the stack lie 64 bytes that nobody may touch, machine mode neither: a stack that is too small traps. */
__attribute__((naked, noreturn, used, section(".start"))) void machine_reset(void) {
  __asm__ volatile(
      ".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n"
      "csrr t0, mhartid\n bnez t0, 1f\n"
      "la t0, %c1\n csrw mtvec, t0\n"
      "la t0, machine_guard\n srli t0, t0, 2\n ori t0, t0, 7\n csrw pmpaddr0, t0\n"
      "li t0, 0x98\n csrw pmpcfg0, t0\n"
      "la sp, machine_stack_top\n"
      "j %c0\n"
      "1: wfi\n j 1b\n" ::"i"(start), "i"(machine_trap_entry));
}

__attribute__((noreturn, used)) static void report(uintptr_t caller, uintptr_t stack) {
  machine_trap trap = {.caller = caller, .stack = stack};
  __asm__ volatile("csrr %0, mcause\n csrr %1, mepc\n csrr %2, mtval"
                   : "=r"(trap.cause), "=r"(trap.address), "=r"(trap.value));
  machine_trapped(&trap);
}

__attribute__((naked, noreturn, used, aligned(4))) void machine_trap_entry(void) {
  __asm__ volatile("mv a0, ra\n mv a1, sp\n la sp, machine_stack_top\n j %c0\n" ::"i"(report));
}

/* The three instructions must lie in one page of code, uncompressed. */
__attribute__((naked, aligned(16))) uintptr_t machine_semihosting(uintptr_t operation, const void *parameters) {
  __asm__ volatile(
      ".option push\n .option norvc\n"
      "slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n"
      ".option pop\n ret\n");
}

uintptr_t machine_instructions(void) {
  uintptr_t count;
  __asm__ volatile("csrr %0, minstret" : "=r"(count));
  return count;
}

#endif

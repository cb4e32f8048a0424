/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#if defined(__arm__)

/* Reset and exceptions of Cortex-M. */

#include "machine.h"
#include "startup.h"

static volatile uint32_t *system_register(unsigned offset) { return (volatile uint32_t *)(0xe000e000u + offset); }

#if defined(__ARM_ARCH_8M_MAIN__)
/* ARMv8-M Mainline has a register for where the stack ends. Its MPU would not do: it has no region that nobody may touch. */
static void guard_stack(void) { __asm__ volatile("msr msplim, %0" ::"r"(machine_stack_bottom)); }
#else
/* Below the stack lie 256 bytes that nobody may touch, where the processor has an MPU: a stack that is too small faults.
 * Without one it leaves the RAM, which faults too on most processors. */
static void guard_stack(void) {
  if ((*system_register(0xd90) >> 8 & 255) == 0) return;  /* MPU_TYPE.DREGION */
  *system_register(0xd98) = 0;                            /* MPU_RNR */
  *system_register(0xd9c) = (uintptr_t)machine_guard;     /* MPU_RBAR */
  *system_register(0xda0) = 1u << 28 | 7u << 1 | 1;       /* MPU_RASR: no execution, no access, 2^(7 + 1) bytes, on */
  *system_register(0xd94) = 5;                            /* MPU_CTRL: the default map elsewhere, on, off in HardFault */
}
#endif

__attribute__((noreturn, used)) void machine_reset(void) {
#if defined(__ARM_ARCH_6M__)
  /* On a larger processor, refuse unaligned accesses as ARMv6-M does: CCR.UNALIGN_TRP. */
  *system_register(0xd14) |= 1u << 3;
#endif
#if defined(__ARM_FP)
  /* Code for the floating-point unit may use its registers for anything: CPACR, full access. */
  *system_register(0xd88) |= 0xfu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
  guard_stack();
  machine_prepare();
  main(0, 0);
  machine_returned();
}

/* r0: the exception's number; r1: where it left its frame, if it could. */
__attribute__((noreturn, used)) static void report(uint32_t number, uintptr_t frame) {
  machine_trap trap = {.cause = number, .stack = frame};
  /* The processor could not store its frame where there is no stack: then there is none to read. */
  if (frame >= (uintptr_t)machine_stack_bottom && frame + 32 <= (uintptr_t)machine_stack_top && (frame & 3) == 0) {
    trap.caller = ((const uint32_t *)frame)[5];
    trap.address = ((const uint32_t *)frame)[6];
  }
#if !defined(__ARM_ARCH_6M__)
  trap.value = *system_register(0xd28);
#endif
  machine_trapped(&trap);
}

__attribute__((naked, used)) static void trap(void) {
  __asm__ volatile(
      "mrs r0, ipsr\n"
      "mov r1, sp\n"
      "ldr r2, =machine_stack_top\n"
      "mov sp, r2\n"
      "bl %c0\n"
      "b .\n"
      ".ltorg\n" ::"i"(report));
}

typedef void (*vector)(void);
/* Exceptions only: a device's interrupt is off until a program switches it on, and one that does brings its vector. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)machine_stack_top, machine_reset, [2 ... 15] = trap};

uintptr_t machine_semihosting(uintptr_t operation, const void *parameters) {
  register uintptr_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = parameters;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

/* SysTick counts the processor's clock, 25 MHz on the MPS2 boards; QEMU's -icount shift=0 makes each instruction take a
 * nanosecond. So there are 40 instructions to a tick, and 2^24 ticks. */
uintptr_t machine_instructions(void) {
  if ((*system_register(0x010) & 1) == 0) {
    *system_register(0x014) = 0xffffff; /* SYST_RVR */
    *system_register(0x018) = 0;        /* SYST_CVR */
    *system_register(0x010) = 5;        /* SYST_CSR: processor clock, no interrupt, on */
  }
  uint32_t left = *system_register(0x018);
  return (left ? 0xffffffu - left : 0) * 40; /* 0: it has not begun */
}

#endif

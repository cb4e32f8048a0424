/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* What lies below Swift: reset, traps, the symbols of the linker script, and the one instruction that asks a debugger. */

#include <stddef.h>
#include <stdint.h>

/* Symbols of the linker script, as addresses. Memory that nothing else uses reaches from the end of the variables to the
 * end of RAM; the image that the program was linked with is empty where there is none. */
extern unsigned char machine_stack_bottom[], machine_stack_top[], machine_free_start[], machine_free_end[];
extern const unsigned char machine_image_start[], machine_image_end[];
extern unsigned char machine_data_start[], machine_data_end[], machine_bss_start[], machine_bss_end[];

/* The same for Swift, which does not import arrays without a length. */
static inline unsigned char *machine_free_memory(void) { return machine_free_start; }
static inline size_t machine_free_bytes(void) { return (size_t)(machine_free_end - machine_free_start); }
static inline const unsigned char *machine_image(void) { return machine_image_start; }
static inline size_t machine_image_bytes(void) { return (size_t)(machine_image_end - machine_image_start); }
static inline size_t machine_stack_bytes(void) { return (size_t)(machine_stack_top - machine_stack_bottom); }
static inline size_t machine_variable_bytes(void) {
  return (size_t)(machine_data_end - machine_data_start) + (size_t)(machine_bss_end - machine_bss_start);
}

/* What the stack is filled with before anything runs, a word at a time. */
#define MACHINE_PAINT 0xa5c35a3cu

/* Bytes of stack that have been in use since the machine started: what is not painted any more. */
size_t machine_stack_used(void);

/* Paints what is free of the stack once more, to measure a part of a program. */
void machine_stack_paint(void);

/* Asks the debugger or emulator that runs the machine: an operation of the semihosting specification and its block of
 * parameters. Only where one listens: otherwise it is a breakpoint. */
uintptr_t machine_semihosting(uintptr_t operation, const void *parameters);

/* Instructions so far, the low word: what RISC-V counts; on Cortex-M the system timer's word for it, which is right to 40
 * instructions, up to 671 million, under QEMU's -icount shift=0 only. */
uintptr_t machine_instructions(void);

/* What a trap tells its reporter. */
typedef struct {
  uintptr_t cause;   /* ARM: number of the exception; RISC-V: mcause */
  uintptr_t address; /* where it happened */
  uintptr_t caller;  /* the return address then */
  uintptr_t value;   /* ARM: CFSR (ARMv6-M: 0); RISC-V: mtval */
  uintptr_t stack;   /* the stack pointer then */
} machine_trap;

/* Defined by the program: reports and ends. It runs on a fresh stack. */
_Noreturn void machine_trapped(const machine_trap *trap);

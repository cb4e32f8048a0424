/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* With -msave-restore, functions save and restore registers here: by two calls, instead of up to 26 instructions each.
 * __riscv_save_N is called with t0 as its return address; it saves ra and s0 to s(N-1), and lowers the stack by as many
 * groups of 16 bytes as they need. __riscv_restore_N undoes that and returns from the function. (RISC-V ABI, "Assembly
 * and compiler conventions".) */
#if __riscv_xlen == 64
#define STORE sd
#define LOAD ld
#define WORD 8
#else
#define STORE sw
#define LOAD lw
#define WORD 4
#endif
#define GROUP 16
/* Registers in a group. */
#define EACH (GROUP / WORD)

.macro entry kind, from, to
  .set number, \from
  .rept \to - \from + 1
    name \kind, %number
    .set number, number + 1
  .endr
.endm
.altmacro
.macro name kind, number
  .globl __riscv_\kind\()_\number
  __riscv_\kind\()_\number\():
.endm

/* All of a frame of 13 registers is taken first, t1 is what of it was not asked for, and is given back at the end. */
.section .text.frames, "ax", @progbits
#define WHOLE ((13 * WORD + GROUP - 1) / GROUP * GROUP)
#define AT(n) (WHOLE - ((n) + 1) * WORD)(sp)

#if WORD == 4
entry save, 12, 12
  addi sp, sp, -WHOLE
  li t1, 0
  STORE s11, AT(12)
  j 1f
entry save, 8, 11
  addi sp, sp, -WHOLE
  li t1, GROUP
1:
  STORE s10, AT(11)
  STORE s9, AT(10)
  STORE s8, AT(9)
  STORE s7, AT(8)
  j 2f
entry save, 4, 7
  addi sp, sp, -WHOLE
  li t1, 2 * GROUP
2:
  STORE s6, AT(7)
  STORE s5, AT(6)
  STORE s4, AT(5)
  STORE s3, AT(4)
  j 3f
entry save, 0, 3
  addi sp, sp, -WHOLE
  li t1, 3 * GROUP
3:
  STORE s2, AT(3)
  STORE s1, AT(2)
#else
entry save, 12, 12
  addi sp, sp, -WHOLE
  li t1, 0
  STORE s11, AT(12)
  j 1f
entry save, 10, 11
  addi sp, sp, -WHOLE
  li t1, GROUP
1:
  STORE s10, AT(11)
  STORE s9, AT(10)
  j 2f
entry save, 8, 9
  addi sp, sp, -WHOLE
  li t1, 2 * GROUP
2:
  STORE s8, AT(9)
  STORE s7, AT(8)
  j 3f
entry save, 6, 7
  addi sp, sp, -WHOLE
  li t1, 3 * GROUP
3:
  STORE s6, AT(7)
  STORE s5, AT(6)
  j 4f
entry save, 4, 5
  addi sp, sp, -WHOLE
  li t1, 4 * GROUP
4:
  STORE s4, AT(5)
  STORE s3, AT(4)
  j 5f
entry save, 2, 3
  addi sp, sp, -WHOLE
  li t1, 5 * GROUP
5:
  STORE s2, AT(3)
  STORE s1, AT(2)
  j 6f
entry save, 0, 1
  addi sp, sp, -WHOLE
  li t1, 6 * GROUP
6:
#endif
  STORE s0, AT(1)
  STORE ra, AT(0)
  add sp, sp, t1
  jr t0

/* Here a group lies at the stack's end when it is restored: register n of EACH in a group, from its end down. */
#undef AT
#define AT(n) (GROUP - ((n) % EACH + 1) * WORD)(sp)
entry restore, 12, 12
  LOAD s11, AT(12)
  addi sp, sp, GROUP
#if WORD == 4
entry restore, 8, 11
#else
entry restore, 10, 11
#endif
  LOAD s10, AT(11)
  LOAD s9, AT(10)
#if WORD == 8
  addi sp, sp, GROUP
entry restore, 8, 9
#endif
  LOAD s8, AT(9)
  LOAD s7, AT(8)
  addi sp, sp, GROUP
#if WORD == 4
entry restore, 4, 7
#else
entry restore, 6, 7
#endif
  LOAD s6, AT(7)
  LOAD s5, AT(6)
#if WORD == 8
  addi sp, sp, GROUP
entry restore, 4, 5
#endif
  LOAD s4, AT(5)
  LOAD s3, AT(4)
  addi sp, sp, GROUP
#if WORD == 4
entry restore, 0, 3
#else
entry restore, 2, 3
#endif
  LOAD s2, AT(3)
  LOAD s1, AT(2)
#if WORD == 8
  addi sp, sp, GROUP
entry restore, 0, 1
#endif
  LOAD s0, AT(1)
  LOAD ra, AT(0)
  addi sp, sp, GROUP
  ret

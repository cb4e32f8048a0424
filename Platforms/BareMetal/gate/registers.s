@ SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
@ What `Tools/run registers` must find, and must not: functions that begin with "wrong" do not keep a register of their caller.
  .syntax unified
  .thumb

@ What LLVM makes of a method that ends with the first words of self.
  .thumb_func
wrong_method:
  push {r4, lr}
  add.w r10, r10, #4
  stm.w r10!, {r0, r1, r2}
  pop {r4, pc}

  .thumb_func
wrong_leaf:
  ldrb r0, [r9], #1
  bx lr

@ It returns through another.
  .thumb_func
wrong_jump:
  stm r5!, {r0, r1}
  b.w right_saver

@ It owes what they owe who use it: one of them has saved the register.
  .thumb_func
OUTLINED_FUNCTION_0:
  stm r6!, {r0, r1}
  bx lr

  .thumb_func
wrong_user:
  push {r4, lr}
  bl OUTLINED_FUNCTION_0
  pop {r4, pc}

  .thumb_func
right_saver:
  push {r4, r5, r6, lr}
  bl OUTLINED_FUNCTION_0
  ldm r5!, {r0, r1}
  pop {r4, r5, r6, pc}

@ An error is given back in r8. This is a method that throws, by its name.
  .thumb_func
right_throws_YK:
  stm.w r8!, {r0, r1}
  bx lr

  .thumb_func
wrong_error:
  stm.w r8!, {r0, r1}
  bx lr

@ It never returns, nor does the one that it jumps to.
  .thumb_func
right_never:
  ldm r4!, {r0, r1}
  ldr r2, [r7, #8]!
  bl wrong_leaf
  mov pc, r6
  b.w right_stops

  .thumb_func
right_stops:
  stm r4!, {r0, r1}
  b right_stops

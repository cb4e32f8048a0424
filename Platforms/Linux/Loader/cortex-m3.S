// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
// What a boot loader does on ARM's MPS2 board: vectors, the UART on for the first messages, and the jump into the kernel
// with the device tree's address. KERNEL and DEVICE_TREE are given when it is assembled.
	.syntax unified
	.thumb
	.text
	.word	0x20000400		// the stack, which nobody uses
	.word	start + 1
	.rept	14
	.word	hang + 1
	.endr
	.thumb_func
start:	ldr	r0, =0x40004000		// CMSDK UART0
	movs	r1, #160
	str	r1, [r0, #16]		// divider
	movs	r1, #3
	str	r1, [r0, #8]		// transmit and receive
	movs	r0, #0
	mvns	r1, r0			// machine: as the device tree says
	ldr	r2, =DEVICE_TREE
	ldr	r3, =KERNEL + 1
	bx	r3
	.thumb_func
hang:	b	hang
	.ltorg

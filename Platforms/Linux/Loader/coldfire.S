// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
// What U-Boot does on Freescale's M5208EVB board: it calls the kernel with a board description, which is not looked at, a disk in
// memory, of which there is none, and a command line. KERNEL and COMMAND, the file with the command line, are given when it is
// assembled. It lies below the kernel, in memory that the kernel leaves alone.
	.text
	.globl	_start
_start:	move.l	#0x10, %d0		// two stack pointers, as the kernel has them before it looks at the stack
	movec	%d0, %cacr
	move.l	#stack, %sp
	pea	end
	pea	command
	clr.l	-(%sp)
	clr.l	-(%sp)
	clr.l	-(%sp)
	jsr	KERNEL
hang:	bra	hang

command:
	.incbin	COMMAND
end:	.byte	0
	.balign	4
	.space	256
stack:

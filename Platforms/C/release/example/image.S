/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* The image, where the program's constants are. Whole blocks of it may be used in place. */
	.section .rodata.image, "a"
	.balign 8
	.globl image_start
image_start:
	.incbin IMAGE
	.globl image_end
image_end:
	.byte 0
#if defined(__ELF__) && !defined(__arm__)
	.section .note.GNU-stack, "", @progbits
#endif

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
	.data
	.balign 4096
	.globl stored, stored_end, decoded, decoded_end
stored:
	.incbin STORED
stored_end:
	.balign 16
decoded:
	.incbin DECODED
decoded_end:

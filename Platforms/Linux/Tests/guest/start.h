/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/*
 * The start of a static position-independent program without a libc: there is no loader to relocate it, so it does that
 * itself. (nolibc's own start does not.)
 */
#ifndef START_H
#define START_H

extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern long _DYNAMIC[] __attribute__((visibility("hidden")));
int main(int, char **);

#ifdef __arm__
enum { DT_TABLE = 17, DT_TABLE_SIZE = 18, R_RELATIVE = 23, RELOCATION_WORDS = 2 };
#elif defined(__m68k__)
enum { DT_TABLE = 7, DT_TABLE_SIZE = 8, R_RELATIVE = 22, RELOCATION_WORDS = 3 };
#else
enum { DT_TABLE = 7, DT_TABLE_SIZE = 8, R_RELATIVE = 3, RELOCATION_WORDS = 3 };
#endif

__attribute__((used, visibility("hidden"))) void start_c(long *stack)
{
	unsigned long base = (unsigned long)__ehdr_start, table = 0, size = 0;

	for (long *entry = _DYNAMIC; entry[0]; entry += 2) {
		if (entry[0] == DT_TABLE)
			table = base + entry[1];
		if (entry[0] == DT_TABLE_SIZE)
			size = entry[1];
	}
	for (unsigned long done = 0; done < size; done += RELOCATION_WORDS * sizeof(long)) {
		long *relocation = (long *)(table + done);

		if ((relocation[1] & 0xff) != R_RELATIVE)
			continue;
		if (RELOCATION_WORDS == 3)
			*(long *)(base + relocation[0]) = base + relocation[2];
		else
			*(long *)(base + relocation[0]) += base;
	}
	exit(main(stack[0], (char **)(stack + 1)));
}

#ifdef __arm__
__asm__(".pushsection .text\n.globl _start\n.thumb_func\n.type _start,%function\n_start:\nmov r0, sp\nbl start_c\n.popsection");
#elif defined(__m68k__)
__asm__(".pushsection .text\n.globl _start\n_start:\nmove.l %sp, %d0\nmove.l %d0, -(%sp)\njsr start_c(%pc)\n.popsection");
#else
__asm__(".pushsection .text\n.globl _start\n_start:\n.option push\n.option norelax\nlla gp, __global_pointer$\n"
	".option pop\nmv a0, sp\nandi sp, sp, -16\ncall start_c\n.popsection");
#endif

#endif

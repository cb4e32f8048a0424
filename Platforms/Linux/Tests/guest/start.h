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

#ifdef __m68k__
/* What GCC calls to multiply 64 bits. Debian's libgcc is for processors with an instruction for it, which no ColdFire has. */
__attribute__((used)) unsigned long long __muldi3(unsigned long long a, unsigned long long b)
{
	unsigned long al = a & 0xffff, ah = (unsigned long)a >> 16, bl = b & 0xffff, bh = (unsigned long)b >> 16;
	unsigned long low = al * bl, middle = ah * bl, other = al * bh, sum = (low >> 16) + (middle & 0xffff) + (other & 0xffff);
	unsigned long high = ah * bh + (middle >> 16) + (other >> 16) + (sum >> 16);

	high += (unsigned long)(a >> 32) * (unsigned long)b + (unsigned long)a * (unsigned long)(b >> 32);
	return (unsigned long long)high << 32 | (sum << 16 | (low & 0xffff));
}

/* GCC takes every address from a table, which is not relocated yet. */
#define OWN_ADDRESS(name) \
	({ void *address; __asm__("lea (" #name ", %%pc), %0" : "=a"(address)); address; })
#else
#define OWN_ADDRESS(name) (name)
#endif

__attribute__((used, visibility("hidden"))) void start_c(long *stack)
{
	unsigned long base = (unsigned long)OWN_ADDRESS(__ehdr_start), table = 0, size = 0;

	for (long *entry = OWN_ADDRESS(_DYNAMIC); entry[0]; entry += 2) {
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
	/* A bFLT program may find the addresses of both lists before the lists. */
	exit(main(stack[0], stack[1] == (long)(stack + 3) ? (char **)stack[1] : (char **)(stack + 1)));
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

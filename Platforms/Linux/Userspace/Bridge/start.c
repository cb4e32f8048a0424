/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What cannot be said in Swift: the first instructions, vfork, and the functions that the compiler itself calls. */
#include "linux.h"
typedef __SIZE_TYPE__ size_t;

/* The kernel starts a program with its arguments on the stack: their number, then the pointers. Nothing needs to be
 * relocated: program.lds sees to it that there is nothing that could be.
 *
 * vfork is a function of its own, because nothing that a caller has saved on the stack may be overwritten by the child:
 * the child runs below this frame, and never returns from it. */
#if defined(__riscv)
__asm__(
    ".section .text._start,\"ax\",@progbits\n.globl _start\n_start:\n"
    "  mv a0, sp\n  andi sp, sp, -16\n  call program_start\n  unimp\n"
    ".section .text.linux_vfork,\"ax\",@progbits\n.globl linux_vfork\nlinux_vfork:\n"
    "  mv t0, a0\n  mv t1, a1\n"
    "  li a0, 0x4111\n  li a1, 0\n  li a2, 0\n  li a3, 0\n  li a4, 0\n  li a7, 220\n  ecall\n"
    "  beqz a0, 1f\n  ret\n"
    "1: mv a0, t1\n  jalr t0\n  unimp\n");
#elif defined(__arm__)
__asm__(
    ".syntax unified\n.section .text._start,\"ax\",%progbits\n.globl _start\n.type _start,%function\n.thumb_func\n_start:\n"
    "  mov r0, sp\n  mov r1, sp\n  bic r1, r1, #7\n  mov sp, r1\n  bl program_start\n  udf #0\n"
    ".section .text.linux_vfork,\"ax\",%progbits\n.globl linux_vfork\n.type linux_vfork,%function\n.thumb_func\nlinux_vfork:\n"
    "  push {r4, r5, r6, r7}\n  mov r5, r0\n  mov r6, r1\n"
    "  movw r0, #0x4111\n  movs r1, #0\n  movs r2, #0\n  movs r3, #0\n  movs r4, #0\n  movs r7, #120\n  svc #0\n"
    "  cbz r0, 1f\n  pop {r4, r5, r6, r7}\n  bx lr\n"
    "1: mov r0, r6\n  blx r5\n  udf #0\n"
    ".section .text.linux_call,\"ax\",%progbits\n.globl linux_call\n.type linux_call,%function\n.thumb_func\nlinux_call:\n"
    "  push {r4, r5, r7, lr}\n  ldr r4, [sp, #16]\n  ldr r5, [sp, #20]\n  ldr r7, [sp, #24]\n  svc #0\n"
    "  pop {r4, r5, r7, pc}\n");
#elif defined(__m68k__)
/* The program is copied for each process, and relocates itself (below). */
__asm__(
    ".section .text._start,\"ax\",@progbits\n.globl _start\n_start:\n"
    "  move.l %sp, %d0\n  move.l %d0, -(%sp)\n  jsr program_begin(%pc)\n  illegal\n"
    ".section .text.linux_vfork,\"ax\",@progbits\n.globl linux_vfork\n.type linux_vfork,@function\nlinux_vfork:\n"
    "  move.l #190, %d0\n  trap #0\n  tst.l %d0\n  beq.s 1f\n  rts\n"
    "1: move.l (4,%sp), %a0\n  move.l (8,%sp), -(%sp)\n  jsr (%a0)\n  illegal\n"
    ".section .text.linux_call,\"ax\",@progbits\n.globl linux_call\n.type linux_call,@function\nlinux_call:\n"
    "  lea (-16,%sp), %sp\n  movem.l %d2-%d5, (%sp)\n  move.l (20,%sp), %d1\n  move.l (24,%sp), %d2\n"
    "  move.l (28,%sp), %d3\n  move.l (32,%sp), %d4\n  move.l (36,%sp), %d5\n  move.l (40,%sp), %a0\n"
    "  move.l (44,%sp), %d0\n  trap #0\n  movem.l (%sp), %d2-%d5\n  lea (16,%sp), %sp\n  rts\n");
#else
__asm__(
    ".section .text._start,\"ax\",@progbits\n.globl _start\n_start:\n"
    "  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call program_start\n  hlt\n"
    ".section .text.linux_vfork,\"ax\",@progbits\n.globl linux_vfork\nlinux_vfork:\n"
    "  push %r12\n  push %r13\n  mov %rdi, %r12\n  mov %rsi, %r13\n"
    "  mov $0x4111, %edi\n  xor %esi, %esi\n  xor %edx, %edx\n  xor %r10d, %r10d\n  xor %r8d, %r8d\n  mov $56, %eax\n"
    "  syscall\n  test %rax, %rax\n  jz 1f\n  pop %r13\n  pop %r12\n  ret\n"
    "1: mov %r13, %rdi\n  sub $8, %rsp\n  call *%r12\n  hlt\n");
#endif

long linux_open(const byte *path, int flags, int mode) {
  return linux_call(HERE, P(path), flags, mode, 0, 0, CALL_openat);
}
long linux_stat(const byte *path, int flags, LinuxStat *into) {
  return linux_stat_filled(linux_call(HERE, P(path), flags, 0x7ff, P(into), 0, CALL_statx), into);
}
long linux_signal(int signal, long disposition) {
  long action[8] = {disposition}, before[8] = {0};
  linux_call(signal, disposition < 0 ? 0 : P(action), P(before), 8, 0, 0, CALL_rt_sigaction);
  return before[0];
}

void *memset(void *to, int value, size_t count) {
  for (byte *p = to; count--;) *p++ = (byte)value;
  return to;
}
/* Words where both are aligned alike, which is where it is worth it. */
void *memmove(void *to, const void *from, size_t count) {
  byte *p = to;
  const byte *q = from;
  size_t word = sizeof(size_t);
  if ((size_t)p - (size_t)q >= count) {
    if ((((size_t)p | (size_t)q) & (word - 1)) == 0)
      for (; count >= word; count -= word, p += word, q += word) *(size_t *)(void *)p = *(const size_t *)(const void *)q;
    while (count--) *p++ = *q++;
  } else {
    while (count--) p[count] = q[count];
  }
  return to;
}
void *memcpy(void *to, const void *from, size_t count) { return memmove(to, from, count); }
int memcmp(const void *a, const void *b, size_t count) {
  const byte *p = a, *q = b;
  for (; count--; p++, q++)
    if (*p != *q) return *p - *q;
  return 0;
}

size_t strlen(const char *string) {
  size_t count = 0;
  while (string[count]) count++;
  return count;
}

#if __SIZEOF_POINTER__ == 4
/* Arguments up to a nil are, to a compiler, a string of wide characters. */
size_t wcslen(const unsigned *string) {
  size_t count = 0;
  while (string[count]) count++;
  return count;
}

/* 64-bit shifts, which compilers call where they want small code. By 0 to 63. */
typedef union {
  unsigned long long whole;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  struct { unsigned high, low; } half;
#else
  struct { unsigned low, high; } half;
#endif
} Pair;
static Pair shifted_right(unsigned long long value, unsigned by, unsigned fill) {
  Pair v = {value};
  for (; by; by--) {
    v.half.low = v.half.low >> 1 | v.half.high << 31;
    v.half.high = v.half.high >> 1 | (fill & 0x80000000u);
  }
  return v;
}
static Pair shifted_left(unsigned long long value, unsigned by) {
  Pair v = {value};
  for (; by; by--) {
    v.half.high = v.half.high << 1 | v.half.low >> 31;
    v.half.low <<= 1;
  }
  return v;
}
#if defined(__arm__)
#define NAME(gcc, arm) arm
#else
#define NAME(gcc, arm) gcc
#endif
unsigned long long NAME(__ashldi3, __aeabi_llsl)(unsigned long long value, int by) {
  return shifted_left(value, (unsigned)by).whole;
}
unsigned long long NAME(__lshrdi3, __aeabi_llsr)(unsigned long long value, int by) {
  return shifted_right(value, (unsigned)by, 0).whole;
}
long long NAME(__ashrdi3, __aeabi_lasr)(long long value, int by) {
  return (long long)shifted_right((unsigned long long)value, (unsigned)by, value < 0 ? ~0u : 0).whole;
}
#endif
#if defined(__arm__)
void __aeabi_memcpy(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memmove(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memset(void *to, size_t count, int value) { memset(to, value, count); }
void __aeabi_memclr(void *to, size_t count) { memset(to, 0, count); }
#define ALIAS(name, of) __typeof__(of) name __attribute__((alias(#of)))
ALIAS(__aeabi_memcpy4, __aeabi_memcpy);
ALIAS(__aeabi_memcpy8, __aeabi_memcpy);
ALIAS(__aeabi_memmove4, __aeabi_memmove);
ALIAS(__aeabi_memmove8, __aeabi_memmove);
ALIAS(__aeabi_memset4, __aeabi_memset);
ALIAS(__aeabi_memset8, __aeabi_memset);
ALIAS(__aeabi_memclr4, __aeabi_memclr);
ALIAS(__aeabi_memclr8, __aeabi_memclr);
#endif
#if defined(__m68k__)
/* Of Debian's libgcc these are for processors with an instruction for it, which no ColdFire has. */
unsigned long long __muldi3(unsigned long long a, unsigned long long b) {
  unsigned al = a & 0xffff, ah = (unsigned)a >> 16, bl = b & 0xffff, bh = (unsigned)b >> 16;
  unsigned low = al * bl, middle = ah * bl, other = al * bh, sum = (low >> 16) + (middle & 0xffff) + (other & 0xffff);
  unsigned high = ah * bh + (middle >> 16) + (other >> 16) + (sum >> 16);
  high += (unsigned)(a >> 32) * (unsigned)b + (unsigned)a * (unsigned)(b >> 32);
  return (unsigned long long)high << 32 | (sum << 16 | (low & 0xffff));
}

/* Addresses in the program are distances from its beginning, until they are made addresses here: a table of them is at
 * _DYNAMIC. GCC would take the address of either from a table that is not relocated yet. */
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern long _DYNAMIC[] __attribute__((visibility("hidden")));
void program_start(void *arguments);
#define OWN_ADDRESS(name) \
  ({ void *address; __asm__("1: lea (1b, %%pc), %0\n  add.l #" #name " - 1b, %0" : "=a"(address)); address; })

__attribute__((used)) void program_begin(void *arguments) {
  enum { TABLE = 7, TABLE_SIZE = 8, RELATIVE = 22 };
  unsigned long base = (unsigned long)OWN_ADDRESS(__ehdr_start), table = 0, size = 0;
  for (const long *entry = OWN_ADDRESS(_DYNAMIC); entry[0]; entry += 2) {
    if (entry[0] == TABLE) table = base + entry[1];
    if (entry[0] == TABLE_SIZE) size = entry[1];
  }
  for (long *next = (long *)table; (unsigned long)next < table + size; next += 3)
    if ((next[1] & 0xff) == RELATIVE) *(long *)(base + next[0]) = base + next[2];
  program_start(arguments);
}
#endif

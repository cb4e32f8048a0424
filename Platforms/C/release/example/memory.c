/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* The three functions that erofs.c needs, for programs without a C library: those of a library are faster. */

#include <stddef.h>

void *memset(void *to, int byte, size_t count) {
  unsigned char *p = to;
  while (count--) *p++ = (unsigned char)byte;
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  unsigned char *p = to;
  const unsigned char *q = from;
  while (count--) *p++ = *q++;
  return to;
}

void *memmove(void *to, const void *from, size_t count) {
  unsigned char *p = to;
  const unsigned char *q = from;
  if (p <= q)
    while (count--) *p++ = *q++;
  else
    while (count--) p[count] = q[count];
  return to;
}

#if defined(__mcoldfire__)
/* Debian's compiler has its library for the 68020 only, whose instructions a ColdFire does not have. */
typedef union {
  unsigned long long whole;
  struct { unsigned long high, low; } part;
} pair;

unsigned long long __ashldi3(unsigned long long value, int by) {
  pair from = {value}, to;
  if (by == 0) return value;
  to.part.high = by < 32 ? from.part.high << by | from.part.low >> (32 - by) : from.part.low << (by - 32);
  to.part.low = by < 32 ? from.part.low << by : 0;
  return to.whole;
}

unsigned long long __lshrdi3(unsigned long long value, int by) {
  pair from = {value}, to;
  if (by == 0) return value;
  to.part.low = by < 32 ? from.part.low >> by | from.part.high << (32 - by) : from.part.high >> (by - 32);
  to.part.high = by < 32 ? from.part.high >> by : 0;
  return to.whole;
}

long long __ashrdi3(long long value, int by) {
  return value < 0 ? (long long)~__lshrdi3(~(unsigned long long)value, by) : (long long)__lshrdi3((unsigned long long)value, by);
}

unsigned long long __muldi3(unsigned long long a, unsigned long long b) {
  pair x = {a}, y = {b}, to;
  unsigned long al = x.part.low & 0xffff, ah = x.part.low >> 16, bl = y.part.low & 0xffff, bh = y.part.low >> 16;
  unsigned long low = al * bl, middle = ah * bl + (low >> 16), other = al * bh + (middle & 0xffff);
  to.part.low = other << 16 | (low & 0xffff);
  to.part.high = ah * bh + (middle >> 16) + (other >> 16) + x.part.low * y.part.high + x.part.high * y.part.low;
  return to.whole;
}

/* The quotient, and the rest behind it. */
static unsigned long long divide(unsigned long long a, unsigned long long b, unsigned long long *rest) {
  unsigned long long quotient = 0, left = 0;
  for (int bit = 63; bit >= 0; bit--) {
    unsigned long long carry = left >> 63;
    left = left << 1 | (a >> bit & 1);
    if (carry || left >= b) left -= b, quotient |= 1ull << bit;
  }
  *rest = left;
  return quotient;
}

unsigned long long __udivdi3(unsigned long long a, unsigned long long b) {
  unsigned long long rest;
  return divide(a, b, &rest);
}

unsigned long long __umoddi3(unsigned long long a, unsigned long long b) {
  unsigned long long rest;
  divide(a, b, &rest);
  return rest;
}
#endif

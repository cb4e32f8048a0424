/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* The copies that any compiler expects to find, a word at a time where both sides allow it. */

#include <stddef.h>
#include <stdint.h>

#if defined(__ARM_FEATURE_UNALIGNED)
/* The processor takes words at any address. */
typedef uintptr_t __attribute__((may_alias, aligned(1))) word;
enum { SIZE = sizeof(word), ALIGNMENT = 1 };
#else
typedef uintptr_t __attribute__((may_alias)) word;
enum { SIZE = sizeof(word), ALIGNMENT = SIZE };
#endif

void *memset(void *to, int byte, size_t count) {
  unsigned char *p = to;
  for (; count && (uintptr_t)p % ALIGNMENT; count--) *p++ = (unsigned char)byte;
  for (word value = (word)-1 / 255 * (unsigned char)byte; count >= SIZE; count -= SIZE, p += SIZE) *(word *)p = value;
  while (count--) *p++ = (unsigned char)byte;
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  unsigned char *p = to;
  const unsigned char *q = from;
  if (((uintptr_t)p ^ (uintptr_t)q) % ALIGNMENT == 0) {
    for (; count && (uintptr_t)p % ALIGNMENT; count--) *p++ = *q++;
    for (; count >= SIZE; count -= SIZE, p += SIZE, q += SIZE) *(word *)p = *(const word *)q;
  }
  while (count--) *p++ = *q++;
  return to;
}

void *memmove(void *to, const void *from, size_t count) {
  unsigned char *p = to;
  const unsigned char *q = from;
  if ((uintptr_t)p - (uintptr_t)q >= count) return memcpy(to, from, count);
  while (count--) p[count] = q[count];
  return to;
}

int memcmp(const void *a, const void *b, size_t count) {
  const unsigned char *p = a, *q = b;
  for (; count--; p++, q++)
    if (*p != *q) return *p - *q;
  return 0;
}

#if defined(__arm__)
void __aeabi_memcpy(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memmove(void *to, const void *from, size_t count) { memmove(to, from, count); }
void __aeabi_memset(void *to, size_t count, int byte) { memset(to, byte, count); }
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

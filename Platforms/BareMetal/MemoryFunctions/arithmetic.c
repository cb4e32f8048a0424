/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* The arithmetic that small processors do in software: 64-bit shifts and products, and on ARMv6-M division. */

#include <stdint.h>

#if __SIZEOF_POINTER__ == 4
typedef union {
  uint64_t whole;
  struct { uint32_t low, high; };
} Pair;

/* Counts are 0 to 63, as the run-time ABI of both processors says. */
static inline __attribute__((always_inline)) uint64_t shift_left(uint64_t value, int by) {
  Pair v = {value}, r;
  if (by & 32) { r.high = v.low << (by & 31); r.low = 0; return r.whole; }
  if (by == 0) return value;
  r.high = v.high << by | v.low >> (32 - by);
  r.low = v.low << by;
  return r.whole;
}
static inline __attribute__((always_inline)) uint64_t shift_right(uint64_t value, int by, uint32_t fill) {
  Pair v = {value}, r;
  if (by == 0) return value;
  if (by & 32) {
    int rest = by & 31;
    r.low = rest ? v.high >> rest | fill << (32 - rest) : v.high;
    r.high = fill;
    return r.whole;
  }
  r.low = v.low >> by | v.high << (32 - by);
  r.high = v.high >> by | fill << (32 - by);
  return r.whole;
}
static inline __attribute__((always_inline)) uint64_t multiply(uint64_t a, uint64_t b) {
  Pair x = {a}, y = {b}, r;
  uint32_t al = x.low & 0xffff, ah = x.low >> 16, bl = y.low & 0xffff, bh = y.low >> 16;
  uint32_t low = al * bl, middle = ah * bl + (low >> 16), middle2 = al * bh + (middle & 0xffff);
  r.low = middle2 << 16 | (low & 0xffff);
  r.high = ah * bh + (middle >> 16) + (middle2 >> 16) + x.low * y.high + x.high * y.low;
  return r.whole;
}
#endif

#if defined(__arm__)
uint64_t __aeabi_llsl(uint64_t value, int by) { return shift_left(value, by); }
uint64_t __aeabi_llsr(uint64_t value, int by) { return shift_right(value, by, 0); }
int64_t __aeabi_lasr(int64_t value, int by) {
  return (int64_t)shift_right((uint64_t)value, by, value < 0 ? 0xffffffffu : 0);
}
uint64_t __aeabi_lmul(uint64_t a, uint64_t b) { return multiply(a, b); }

#if defined(__ARM_ARCH_6M__)
/* Leading zeros; of 0, 32. */
int __clzsi2(uint32_t value) {
  int count = 0;
  for (uint32_t bit = 1u << 31; bit != 0 && !(value & bit); bit >>= 1) count++;
  return count;
}

/* ARMv6-M has no division. A quotient, and with it the remainder in the next register. */
uint64_t __aeabi_uidivmod(uint32_t dividend, uint32_t divisor) {
  uint32_t quotient = 0, rest = 0;
  for (int bit = 31; divisor != 0 && bit >= 0; bit--) {
    uint32_t carry = rest >> 31;
    rest = rest << 1 | (dividend >> bit & 1);
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1u << bit;
    }
  }
  return (uint64_t)rest << 32 | quotient;
}
uint32_t __aeabi_uidiv(uint32_t dividend, uint32_t divisor) {
  return (uint32_t)__aeabi_uidivmod(dividend, divisor);
}
uint64_t __aeabi_idivmod(int32_t dividend, int32_t divisor) {
  uint32_t a = dividend < 0 ? 0u - (uint32_t)dividend : (uint32_t)dividend;
  uint32_t b = divisor < 0 ? 0u - (uint32_t)divisor : (uint32_t)divisor;
  uint64_t both = __aeabi_uidivmod(a, b);
  uint32_t quotient = (uint32_t)both, rest = (uint32_t)(both >> 32);
  if ((dividend < 0) != (divisor < 0)) quotient = 0u - quotient;
  if (dividend < 0) rest = 0u - rest;
  return (uint64_t)rest << 32 | quotient;
}
int32_t __aeabi_idiv(int32_t dividend, int32_t divisor) {
  return (int32_t)(uint32_t)__aeabi_idivmod(dividend, divisor);
}
#endif
#elif __SIZEOF_POINTER__ == 4
uint64_t __ashldi3(uint64_t value, int by) { return shift_left(value, by); }
uint64_t __lshrdi3(uint64_t value, int by) { return shift_right(value, by, 0); }
int64_t __ashrdi3(int64_t value, int by) {
  return (int64_t)shift_right((uint64_t)value, by, value < 0 ? 0xffffffffu : 0);
}
uint64_t __muldi3(uint64_t a, uint64_t b) { return multiply(a, b); }
#endif

#if defined(__ARM_ARCH_6M__) || (defined(__riscv) && !defined(__riscv_atomic))
/* An aligned load or store is one access, which nothing on the one processor can come between. */
uint32_t load_whole(const volatile uint32_t *from, int order) __asm__("__atomic_load_4");
uint32_t load_whole(const volatile uint32_t *from, int order) { return (void)order, *from; }
void store_whole(volatile uint32_t *to, uint32_t value, int order) __asm__("__atomic_store_4");
void store_whole(volatile uint32_t *to, uint32_t value, int order) { (void)order, *to = value; }
#endif
#if defined(__riscv) && !defined(__riscv_atomic)
uint8_t load_byte(const volatile uint8_t *from, int order) __asm__("__atomic_load_1");
uint8_t load_byte(const volatile uint8_t *from, int order) { return (void)order, *from; }
void store_byte(volatile uint8_t *to, uint8_t value, int order) __asm__("__atomic_store_1");
void store_byte(volatile uint8_t *to, uint8_t value, int order) { (void)order, *to = value; }
#endif

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What the functions below are made of. An integer is unsigned and a pointer is u8 *; memory is read and written by copies of
 * known size, so no two types name the same memory. */
#ifdef __KERNEL__
#include <linux/bug.h>
#include <linux/string.h>
#include <linux/types.h>
typedef s8 i8;
typedef s16 i16;
typedef s32 i32;
typedef s64 i64;
typedef unsigned long uword;
typedef long iword;
#ifndef UINT64_C
#define UINT64_C(number) number##ULL
#endif
#define EROFS_TRAP() BUG()
#else
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef uintptr_t uword;
typedef intptr_t iword;
#endif

/* Where arithmetic overflows that must not, or an index is outside of its table: the program ends here. */
#ifndef EROFS_TRAP
#ifdef __GNUC__
#define EROFS_TRAP() __builtin_trap()
#else
void abort(void);
#define EROFS_TRAP() abort()
#endif
#endif

#ifdef __GNUC__
#define EROFS_INLINE static inline __attribute__((__unused__))
#define EROFS_ALWAYS_INLINE EROFS_INLINE __attribute__((__always_inline__))
#define EROFS_UNREACHABLE() __builtin_unreachable()
#define EROFS_NOINLINE __attribute__((__noinline__))
/* Where a codec is left out, nothing calls some of them, and compilers drop them without a word. */
#define EROFS_FUNCTION static __attribute__((__unused__))
#define EROFS_ALIGNED(at, bytes) __builtin_assume_aligned(at, bytes)
#define EROFS_COPY __builtin_memcpy
#define EROFS_MOVE __builtin_memmove
#define EROFS_FILL __builtin_memset
#else
#ifndef __KERNEL__
void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
#endif
#define EROFS_INLINE static inline
#define EROFS_ALWAYS_INLINE EROFS_INLINE
#define EROFS_UNREACHABLE() EROFS_TRAP()
#define EROFS_NOINLINE
#define EROFS_FUNCTION static
#define EROFS_ALIGNED(at, bytes) (at)
#define EROFS_COPY memcpy
#define EROFS_MOVE memmove
#define EROFS_FILL memset
#endif

/* Of this compiler: arithmetic shifts, two's complement, and an int that is not shorter than 32 bits. */
_Static_assert((-1 >> 1) == -1 && (i32)0xffffffffu == -1 && sizeof(int) >= 4, "not a compiler that this was written for");

/* Which of the functions below are compiled: those for words of this width and this order of bytes. */
#if UINTPTR_MAX == 0xffffffffu || (defined(__KERNEL__) && !defined(CONFIG_64BIT))
#define EROFS_WORD 32
#else
#define EROFS_WORD 64
#endif
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EROFS_BIG_ENDIAN 0
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define EROFS_BIG_ENDIAN 1
#else
#error "this file is for little-endian and for big-endian processors"
#endif
_Static_assert(sizeof(uword) * 8 == EROFS_WORD, "words are not as wide as the compiler said");

/* Whether words may be loaded and stored at any address, and whether time is dearer than text; -D says otherwise. On a 68020
 * a loop for bytes is as good where nothing is copied beyond its end. */
#ifndef EROFS_LOADS_ANY_WORD
#if defined(__ARM_FEATURE_UNALIGNED) || defined(__aarch64__) || defined(__i386__) || defined(__x86_64__) \
	|| defined(__powerpc__) || defined(__s390__) \
	|| ((defined(__mc68020__) || defined(__mcoldfire__)) && !defined(__OPTIMIZE_SIZE__))
#define EROFS_LOADS_ANY_WORD 1
#else
#define EROFS_LOADS_ANY_WORD 0
#endif
#endif
#ifndef EROFS_FAVOURS_TIME
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define EROFS_FAVOURS_TIME 1
#else
#define EROFS_FAVOURS_TIME 0
#endif
#endif
EROFS_INLINE int erofs_loads_any_word(void) { return EROFS_LOADS_ANY_WORD; }
EROFS_INLINE int erofs_favours_time(void) { return EROFS_FAVOURS_TIME; }

/* An address that is so many bytes further. It may be outside of everything: then it is not used. */
EROFS_INLINE u8 *at(const u8 *base, uword distance)
{
	return (u8 *)((uword)base + distance);
}

/* GCC that is told to be small computes anew, after a loop, what the loop has computed with its last turn, as it knows how
 * many there were: it does not know what it is not told of the number that it counts by. And on ARM it makes both ways of a
 * branch one, of instructions with conditions, each of which takes its time in both cases, unless there is something else in
 * them. */
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__)
#define EROFS_COUNTED(number) __asm__("" : "+r"(number))
#else
#define EROFS_COUNTED(number)
#endif
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__) && defined(__arm__)
#define EROFS_WAY() __asm__ volatile("")
#else
#define EROFS_WAY()
#endif

/* Where words may not lie at any address, compilers that are told to be small call a function for a copy of a few bytes; but
 * not for a field that may lie anywhere. */
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__)
#define EROFS_ANYWHERE(type, name) \
	struct any_##name { type value; } __attribute__((__packed__, __may_alias__)); \
	EROFS_INLINE type load_##name(const u8 *from) { return ((const struct any_##name *)from)->value; } \
	EROFS_INLINE void store_##name(u8 *to, type value) { ((struct any_##name *)to)->value = value; }
#else
#define EROFS_ANYWHERE(type, name) \
	EROFS_INLINE type load_##name(const u8 *from) { type value; EROFS_COPY(&value, from, sizeof value); return value; } \
	EROFS_INLINE void store_##name(u8 *to, type value) { EROFS_COPY(to, &value, sizeof value); }
#endif
#define EROFS_MEMORY(type, name) \
	EROFS_ANYWHERE(type, name) \
	EROFS_INLINE type load_##name##_aligned(const u8 *from) \
	{ type value; EROFS_COPY(&value, EROFS_ALIGNED(from, sizeof value), sizeof value); return value; } \
	EROFS_INLINE void store_##name##_aligned(u8 *to, type value) \
	{ EROFS_COPY(EROFS_ALIGNED(to, sizeof value), &value, sizeof value); }
#if defined(__OPTIMIZE_SIZE__) && !EROFS_LOADS_ANY_WORD
/* The compiler would put a number together and take it apart again; and copy eight bytes by a call, in loops that do little
 * else. */
EROFS_INLINE void copy_u16(u8 *to, const u8 *from) { u8 a = from[0], b = from[1]; to[0] = a, to[1] = b; }
EROFS_INLINE void copy_u32(u8 *to, const u8 *from)
{
	u8 a = from[0], b = from[1], c = from[2], d = from[3];
	to[0] = a, to[1] = b, to[2] = c, to[3] = d;
}
EROFS_ALWAYS_INLINE void copy_u64(u8 *to, const u8 *from)
{
	u8 a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5], g = from[6], h = from[7];
	to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e, to[5] = f, to[6] = g, to[7] = h;
}
#define EROFS_COPIED(name)
#else
#define EROFS_COPIED(name) EROFS_INLINE void copy_##name(u8 *to, const u8 *from) { store_##name(to, load_##name(from)); }
#endif
EROFS_MEMORY(u16, u16)
EROFS_MEMORY(u32, u32)
EROFS_MEMORY(u64, u64)
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__) && EROFS_WORD == 64 && !EROFS_LOADS_ANY_WORD
/* Where two ways load eight bytes of the same place, and a third does not, the compiler would load them for all three. */
EROFS_INLINE u64 load_u64_here(const u8 *from) { __asm__("" : "+r"(from)); return load_u64(from); }
#define load_u64 load_u64_here
#endif
EROFS_COPIED(u16)
EROFS_COPIED(u32)
EROFS_COPIED(u64)
EROFS_MEMORY(u8 *, ptr)
EROFS_INLINE u8 load_u8(const u8 *from) { return *from; }
EROFS_INLINE void store_u8(u8 *to, u8 value) { *to = value; }

/* What several processors may do to the same bytes: each access is one, and whole. Nothing is said of their order. */
#ifdef __GNUC__
typedef uword __attribute__((__may_alias__)) any_word;
EROFS_INLINE u8 load_u8_once(const u8 *from) { return __atomic_load_n(from, __ATOMIC_RELAXED); }
EROFS_INLINE void store_u8_once(u8 *to, u8 value) { __atomic_store_n(to, value, __ATOMIC_RELAXED); }
EROFS_INLINE uword load_word_once(const u8 *from)
{
	return __atomic_load_n((const any_word *)EROFS_ALIGNED(from, sizeof(uword)), __ATOMIC_RELAXED);
}
EROFS_INLINE void store_word_once(u8 *to, uword value)
{
	__atomic_store_n((any_word *)EROFS_ALIGNED(to, sizeof(uword)), value, __ATOMIC_RELAXED);
}
#else
EROFS_INLINE u8 load_u8_once(const u8 *from) { return *(const volatile u8 *)from; }
EROFS_INLINE void store_u8_once(u8 *to, u8 value) { *(volatile u8 *)to = value; }
EROFS_INLINE uword load_word_once(const u8 *from) { return *(const volatile uword *)from; }
EROFS_INLINE void store_word_once(u8 *to, uword value) { *(volatile uword *)to = value; }
#endif

EROFS_INLINE void copy(u8 *to, const u8 *from, uword count) { EROFS_COPY(to, from, count); }
EROFS_INLINE void move(u8 *to, const u8 *from, uword count) { EROFS_MOVE(to, from, count); }
EROFS_INLINE void fill(u8 *to, u8 byte, uword count) { EROFS_FILL(to, byte, count); }
/* Nothing may be copied from nowhere. */
EROFS_INLINE void copy_some(u8 *to, const u8 *from, uword count) { if (count) EROFS_COPY(to, from, count); }
EROFS_INLINE void move_some(u8 *to, const u8 *from, uword count) { if (count) EROFS_MOVE(to, from, count); }
EROFS_INLINE void fill_some(u8 *to, u8 byte, uword count) { if (count) EROFS_FILL(to, byte, count); }

/* Whether a sum, a difference or a product has more bits than its type; it is reduced to them. */
#ifdef __GNUC__
#define EROFS_OVERFLOW(bits) \
	EROFS_INLINE u8 uadd_overflows_##bits(u##bits a, u##bits b, u##bits *to) { return __builtin_add_overflow(a, b, to); } \
	EROFS_INLINE u8 usub_overflows_##bits(u##bits a, u##bits b, u##bits *to) { return __builtin_sub_overflow(a, b, to); } \
	EROFS_INLINE u8 sadd_overflows_##bits(u##bits a, u##bits b, u##bits *to) \
	{ return __builtin_add_overflow((i##bits)a, (i##bits)b, (i##bits *)to); } \
	EROFS_INLINE u8 ssub_overflows_##bits(u##bits a, u##bits b, u##bits *to) \
	{ return __builtin_sub_overflow((i##bits)a, (i##bits)b, (i##bits *)to); }
#else
#define EROFS_OVERFLOW(bits) \
	EROFS_INLINE u8 uadd_overflows_##bits(u##bits a, u##bits b, u##bits *to) { return (*to = (u##bits)(a + b)) < a; } \
	EROFS_INLINE u8 usub_overflows_##bits(u##bits a, u##bits b, u##bits *to) { *to = (u##bits)(a - b); return a < b; } \
	EROFS_INLINE u8 sadd_overflows_##bits(u##bits a, u##bits b, u##bits *to) \
	{ u##bits sum = (u##bits)(a + b); *to = sum; return (u8)((u##bits)((a ^ sum) & (b ^ sum)) >> (bits - 1)); } \
	EROFS_INLINE u8 ssub_overflows_##bits(u##bits a, u##bits b, u##bits *to) \
	{ u##bits rest = (u##bits)(a - b); *to = rest; return (u8)((u##bits)((a ^ b) & (a ^ rest)) >> (bits - 1)); }
#endif
EROFS_OVERFLOW(8)
EROFS_OVERFLOW(16)
EROFS_OVERFLOW(32)
EROFS_OVERFLOW(64)

EROFS_INLINE u8 umul_overflows_32(u32 a, u32 b, u32 *to)
{
	u64 product = (u64)a * b;
	*to = (u32)product;
	return (product >> 32) != 0;
}

EROFS_INLINE u8 smul_overflows_32(u32 a, u32 b, u32 *to)
{
	i64 product = (i64)(i32)a * (i32)b;
	*to = (u32)product;
	return product != (i32)*to;
}

EROFS_INLINE u8 umul_overflows_64(u64 a, u64 b, u64 *to)
{
	u64 low = (a & 0xffffffffu) * (b & 0xffffffffu), high = (a >> 32) * (b >> 32);
	u64 first = (a >> 32) * (b & 0xffffffffu), second = (b >> 32) * (a & 0xffffffffu);
	u64 middle = (first & 0xffffffffu) + (second & 0xffffffffu) + (low >> 32);
	*to = a * b;
	return high + (first >> 32) + (second >> 32) + (middle >> 32) != 0;
}

EROFS_INLINE u8 smul_overflows_64(u64 a, u64 b, u64 *to)
{
	u64 magnitude, negative = (a ^ b) >> 63;
	u8 over = umul_overflows_64((a >> 63) ? 0u - a : a, (b >> 63) ? 0u - b : b, &magnitude);
	*to = a * b;
	return over || magnitude > UINT64_C(0x7fffffffffffffff) + negative;
}

EROFS_INLINE u32 ones_32(u32 value)
{
	value -= (value >> 1) & 0x55555555u;
	value = (value & 0x33333333u) + ((value >> 2) & 0x33333333u);
	return (((value + (value >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24;
}

EROFS_INLINE u64 ones_64(u64 value) { return ones_32((u32)value) + ones_32((u32)(value >> 32)); }

EROFS_INLINE u32 leading_zeros_32(u32 value)
{
#ifdef __GNUC__
	return value ? (u32)__builtin_clz(value) : 32;
#else
	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	return 32 - ones_32(value | value >> 16);
#endif
}

EROFS_INLINE u64 leading_zeros_64(u64 value)
{
	return (value >> 32) ? leading_zeros_32((u32)(value >> 32)) : 32 + leading_zeros_32((u32)value);
}

EROFS_INLINE u16 leading_zeros_16(u16 value) { return (u16)(leading_zeros_32(value) - 16); }
EROFS_INLINE u8 leading_zeros_8(u8 value) { return (u8)(leading_zeros_32(value) - 24); }
EROFS_INLINE u32 trailing_zeros_32(u32 value) { return value ? 31 - leading_zeros_32(value & (0u - value)) : 32; }
EROFS_INLINE u64 trailing_zeros_64(u64 value) { return value ? 63 - leading_zeros_64(value & (0u - value)) : 64; }

EROFS_INLINE u32 swapped_32(u32 value)
{
	return value << 24 | (value & 0xff00u) << 8 | (value >> 8 & 0xff00u) | value >> 24;
}

EROFS_INLINE u64 swapped_64(u64 value) { return (u64)swapped_32((u32)value) << 32 | swapped_32((u32)(value >> 32)); }
EROFS_INLINE u16 swapped_16(u16 value) { return (u16)(value << 8 | value >> 8); }

/* Bits that leave at one end come from the other value. */
EROFS_INLINE u32 fshl_32(u32 a, u32 b, u32 count) { count &= 31; return count ? a << count | b >> (32 - count) : a; }
EROFS_INLINE u32 fshr_32(u32 a, u32 b, u32 count) { count &= 31; return count ? a << (32 - count) | b >> count : b; }
EROFS_INLINE u64 fshl_64(u64 a, u64 b, u64 count) { count &= 63; return count ? a << count | b >> (64 - count) : a; }
EROFS_INLINE u64 fshr_64(u64 a, u64 b, u64 count) { count &= 63; return count ? a << (64 - count) | b >> count : b; }

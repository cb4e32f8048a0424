/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* What Linux's decoders expect of their kernel, for a program without one: every header that is not a decoder's own is this
 * one. Memory is handed out once, from the machine's free memory, and never taken back. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8, __u8;
typedef uint16_t u16, __u16;
typedef uint32_t u32, __u32, __le32;
typedef uint64_t u64, __u64;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int uint;
typedef unsigned long ulong;

void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *peer_memory(size_t count);

#define __always_inline inline __attribute__((always_inline))
#define __force_inline __always_inline
#undef noinline
#define noinline __attribute__((noinline))
#define __maybe_unused __attribute__((unused))
#define fallthrough __attribute__((fallthrough))
#define __inline inline
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT_SYMBOL(x)
#define EXPORT_SYMBOL_GPL(x)
#define MODULE_LICENSE(x)
#define MODULE_DESCRIPTION(x)
#define MODULE_AUTHOR(x)
#define WARN_ON(x) ((void)(x))
#define BUG_ON(x) ((void)(x))
#define pr_debug(...) ((void)0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(t, a, b) ((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b) ((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define PAGE_SIZE 4096
#define EINVAL 22
#if __SIZEOF_LONG__ == 8
#define BITS_PER_LONG 64
#else
#define BITS_PER_LONG 32
#endif
#define BUILD_BUG_ON(x) ((void)sizeof(char[1 - 2 * !!(x)]))
/* 1 for an option that is defined as 1, 0 for one that is not defined: the comma of the first word shifts what follows. */
#define PEER_SHIFT_1 0,
#define PEER_SECOND(a, b, ...) b
#define PEER_CHOOSE(x) PEER_SECOND(x 1, 0, 0)
#define PEER_JOIN(x) PEER_CHOOSE(PEER_SHIFT_##x)
#define IS_ENABLED(option) PEER_JOIN(option)
#if defined(__ARM_FEATURE_UNALIGNED)
#define CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS 1
#endif
#define GFP_KERNEL 0
#define kmalloc(size, flags) peer_memory(size)
#define kmalloc_obj(x, ...) peer_memory(sizeof(x))
#define kzalloc(size, flags) peer_memory(size)
#define vmalloc(size) peer_memory(size)
#define kfree(p) ((void)(p))
#define vfree(p) ((void)(p))

static inline u32 swab32(u32 x) { return __builtin_bswap32(x); }
static inline u64 swab64(u64 x) { return __builtin_bswap64(x); }
static inline u64 div_u64(u64 a, u32 b) { (void)b; return a; }
static inline int fls(u32 x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline unsigned long __fls(unsigned long x) { return BITS_PER_LONG - 1 - (unsigned long)__builtin_clzl(x); }
static inline unsigned long __ffs(unsigned long x) { return (unsigned long)__builtin_ctzl(x); }

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE(bits, x) __builtin_bswap##bits(x)
#else
#define LITTLE(bits, x) ((u##bits)(x))
#endif

/* The compiler knows what the processor can do. */
#define UNALIGNED(type, p) (((const struct { type x; } __attribute__((packed)) *)(p))->x)
#define get_unaligned(p) UNALIGNED(__typeof__(*(p)), p)
#define put_unaligned(v, p) ((void)(((struct { __typeof__(*(p)) x; } __attribute__((packed)) *)(p))->x = (v)))
static inline u16 get_unaligned_le16(const void *p) { return LITTLE(16, UNALIGNED(u16, p)); }
static inline u32 get_unaligned_le32(const void *p) { return LITTLE(32, UNALIGNED(u32, p)); }
static inline u64 get_unaligned_le64(const void *p) { return LITTLE(64, UNALIGNED(u64, p)); }
static inline void put_unaligned_le16(u16 v, void *p) { put_unaligned(LITTLE(16, v), (u16 *)p); }
static inline void put_unaligned_le32(u32 v, void *p) { put_unaligned(LITTLE(32, v), (u32 *)p); }
static inline void put_unaligned_le64(u64 v, void *p) { put_unaligned(LITTLE(64, v), (u64 *)p); }
static inline u32 get_unaligned_be32(const void *p) { return swab32(get_unaligned_le32(p)); }
static inline u64 get_unaligned_be64(const void *p) { return swab64(get_unaligned_le64(p)); }
static inline void put_unaligned_be32(u32 v, void *p) { put_unaligned_le32(swab32(v), p); }
static inline void put_unaligned_be64(u64 v, void *p) { put_unaligned_le64(swab64(v), p); }
static inline u32 le32_to_cpup(const u32 *p) { return LITTLE(32, *p); }
#define le16_to_cpu(x) LITTLE(16, x)
#define le32_to_cpu(x) LITTLE(32, x)
#define le64_to_cpu(x) LITTLE(64, x)
#define cpu_to_le32(x) LITTLE(32, x)

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
// What the compilers call for ARM under names that the kernel does not have, on what it has. Careful with the fill: its
// arguments come in another order.
typedef __SIZE_TYPE__ size_t;
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);

#define FAMILY(name, parameters, call) \
	void __aeabi_##name parameters { call; } \
	void __aeabi_##name##4 parameters { call; } \
	void __aeabi_##name##8 parameters { call; }

FAMILY(memcpy, (void *to, const void *from, size_t count), memcpy(to, from, count))
FAMILY(memmove, (void *to, const void *from, size_t count), memmove(to, from, count))
FAMILY(memset, (void *to, size_t count, int byte), memset(to, byte, count))
FAMILY(memclr, (void *to, size_t count), memset(to, 0, count))

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What the files of the images have that hammer_images() of Tools/erofs_tools/kernel/guests.py makes. */
#ifndef WORDS_H
#define WORDS_H

static unsigned int mix(unsigned int x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	return x ^ x >> 16;
}

/* Each value three times and half of it zeros: matches that begin and end anywhere. */
static unsigned int word(unsigned int file, unsigned int k)
{
	return mix(k / 3 + file * 0x1000193u) & 0xffffu;
}

#endif

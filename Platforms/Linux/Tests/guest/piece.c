// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * A command that says what a piece of a file is, at offsets beyond 32 bits too, or a piece of its own memory:
 *
 *	piece FILE KIBIBYTE BYTES    reads from FILE at KIBIBYTE * 1024
 *	piece - BYTE BYTES           takes what the program was loaded with, from BYTE on
 *
 * It prints the digits of SHA-256, and ends with 1 where not all of that could be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <sys/syscall.h>
#include "start.h"
#include "sha256.h"

static unsigned char data[4096];
static struct sha256 hash;

#ifndef __NR__llseek
#define __NR__llseek __NR_llseek
#endif

static int seek(int file, unsigned long kibibyte)
{
#if __SIZEOF_POINTER__ == 8
	return lseek(file, kibibyte << 10, SEEK_SET) < 0;
#else
	unsigned long long place;

	return syscall(__NR__llseek, file, kibibyte >> 22, kibibyte << 10, &place, SEEK_SET) < 0;
#endif
}

int main(int argc, char **argv)
{
	unsigned long at, left;
	unsigned char result[32];
	int file;

	if (argc != 4)
		return 2;
	at = strtoul(argv[2], NULL, 10);
	left = strtoul(argv[3], NULL, 10);
	sha256_begin(&hash);
	if (strcmp(argv[1], "-") == 0) {
		sha256_add(&hash, (unsigned char *)OWN_ADDRESS(__ehdr_start) + at, left);
	} else {
		file = open(argv[1], O_RDONLY);
		if (file < 0 || seek(file, at)) {
			printf("cannot open %s: %d\n", argv[1], errno);
			return 1;
		}
		while (left > 0) {
			long count = read(file, data, left < sizeof(data) ? left : sizeof(data));

			if (count <= 0) {
				printf("cannot read %s: %d\n", argv[1], errno);
				return 1;
			}
			sha256_add(&hash, data, count);
			left -= count;
		}
	}
	sha256_end(&hash, result);
	for (int i = 0; i < 32; i++)
		printf("%02x", result[i]);
	printf("\n");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the race test: as many workers as it is told read single pages of all files, all in the same
 * neighbourhood of the same file at the same time, while each drops from the cache what it and the others have read. What
 * lies in a page is a function of file and position, so every byte is checked.
 *
 *	hammer WORKERS SECONDS DEVICE...
 *
 * Each device has an image with a file of its number, 0, 1, 2, ..., which holds the 32-bit little-endian words
 * word(number, k).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/reboot.h>
#include "start.h"

enum { FILES = 7, WORDS = 1024, DONTNEED = 4, RANDOM = 1 };

static unsigned int page[WORDS];
static int files[FILES];
static unsigned int pages[FILES];

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

/* printf, in one piece: several workers write. */
#define say(...) write(1, line, snprintf(line, sizeof(line), __VA_ARGS__))
static char line[160];

static void advise(int file, unsigned int first, unsigned int count, int advice)
{
#ifdef __arm__
	syscall(__NR_arm_fadvise64_64, file, advice, (long)first, 0L, (long)count, 0L);
#elif __riscv_xlen == 32
	syscall(__NR_fadvise64_64, file, (long)first, 0L, (long)count, 0L, advice);
#else
	syscall(__NR_fadvise64, file, (long)first, (long)count, advice);
#endif
}

static int open_files(void)
{
	char path[] = "/mnt0/0";
	int count = 0;

	while (count < FILES) {
		path[4] = path[6] = '0' + count;
		if ((files[count] = open(path, O_RDONLY)) < 0)
			break;
		pages[count] = lseek(files[count], 0, SEEK_END) >> 12;
		advise(files[count], 0, 0, RANDOM);
		count++;
	}
	return count;
}

static int work(int id, unsigned int seconds)
{
	unsigned int seed = mix(id + 1), reads = 0, bad = 0, failed = 0, count = open_files();
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned int turn = 0; count > 0; turn++) {
		unsigned int place, file, at, wrong = 0, first = 0;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((unsigned int)now.tv_sec - (unsigned int)begin.tv_sec >= seconds)
			break;
		/* Everybody in the same place; it changes every few milliseconds. */
		place = mix((unsigned int)now.tv_sec * 256u + (unsigned int)now.tv_nsec / 4000000u);
		file = place % count;
		seed = mix(seed + turn);
		at = ((place >> 8) + seed % 8) % pages[file];
		if (lseek(files[file], (long)at << 12, SEEK_SET) < 0 || read(files[file], page, 4096) != 4096) {
			if (failed++ < 3)
				say("worker %d cannot read page %u of %u: %d\n", id, at, file, errno);
			continue;
		}
		reads++;
		for (unsigned int i = 0; i < WORDS; i++) {
			if (page[i] == word(file, at * WORDS + i))
				continue;
			if (!wrong++)
				first = i;
		}
		if (wrong && bad++ < 3)
			say("worker %d: page %u of file %u has %u wrong words from %u on\n", id, at, file, wrong, first);
		advise(files[file], (at & ~7u) << 12, 65536, DONTNEED);
		if (turn % 32 == 31)
			advise(files[file], 0, 0, DONTNEED);
	}
	say("WORKER %d reads %u bad %u failed %u\n", id, reads, bad, failed);
	return 0;
}

int main(int argc, char **argv)
{
	static char ids[8][2], *arguments[5];
	char place[] = "/mnt0";
	int workers = argc > 1 ? atoi(argv[1]) : 0, status = 0;

	if (getpid() != 1)
		return work(workers, atoi(argv[2]));
	printf("BEGIN\n");
	for (int i = 3; i < argc; i++) {
		place[4] = '0' + i - 3;
		if (mount(argv[i], place, "erofs", MS_RDONLY, ""))
			printf("cannot mount %s: %d\n", argv[i], errno);
	}
	for (int i = 0; i < workers && i < 8; i++) {
		ids[i][0] = '0' + i;
		arguments[0] = "/init";
		arguments[1] = ids[i];
		arguments[2] = argv[2];
		if (vfork() == 0) {
			execve("/init", arguments, arguments + 3);
			_exit(1);
		}
	}
	for (int i = 0; i < workers && i < 8; i++)
		if (waitpid(-1, &status, 0) < 0 || status)
			printf("a worker ended with %d\n", status);
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

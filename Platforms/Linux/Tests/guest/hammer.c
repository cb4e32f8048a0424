// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the race test. Extents that follow each other share a page, and what is to be caught is a decoder of one that
 * undoes what the decoder of the next wrote there. So workers read together, in turns: the last to arrive picks a place in
 * a file and empties the cache, and then all read at once, each a page so far behind the one before that it is in the
 * next extent, or the same, or the one after. Then everybody looks at all the pages between, the shared ones too, as they
 * are in the cache now. What lies in a page is a function of file and position, so every byte is checked.
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

enum { FILES = 8, WORDS = 1024, DONTNEED = 4, RANDOM = 1, MOST = 96 };

/* There is one address space: this is init's, and workers are told where. */
struct turns {
	unsigned int arrived, number;
	unsigned int workers, finished;
	unsigned int file, first, apart, count;
};

static struct turns shared;
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

static void advise(int file, int advice)
{
#ifdef __arm__
	syscall(__NR_arm_fadvise64_64, file, advice, 0L, 0L, 0L, 0L);
#elif __riscv_xlen == 32
	syscall(__NR_fadvise64_64, file, 0L, 0L, 0L, 0L, advice);
#else
	syscall(__NR_fadvise64, file, 0L, 0L, advice);
#endif
}

static unsigned int open_files(void)
{
	char path[] = "/mnt0/0";
	unsigned int count = 0;

	while (count < FILES) {
		path[4] = path[6] = '0' + count;
		if ((files[count] = open(path, O_RDONLY)) < 0)
			break;
		pages[count] = lseek(files[count], 0, SEEK_END) >> 12;
		/* No page comes that nobody asked for. */
		advise(files[count], RANDOM);
		count++;
	}
	return count;
}

/* Waits until all have come; true for the last of them, who goes on alone and then calls leave(). */
static int meet(struct turns *turns)
{
	unsigned int number = __atomic_load_n(&turns->number, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&turns->arrived, 1, __ATOMIC_ACQ_REL) == turns->workers)
		return 1;
	while (__atomic_load_n(&turns->number, __ATOMIC_ACQUIRE) == number)
		syscall(__NR_sched_yield);
	return 0;
}

static void leave(struct turns *turns)
{
	turns->arrived = 0;
	__atomic_add_fetch(&turns->number, 1, __ATOMIC_RELEASE);
}

static void pick(struct turns *turns, unsigned int count, unsigned int *seed)
{
	*seed = mix(*seed + 1);
	turns->file = *seed % count;
	turns->apart = 1u << (*seed >> 8) % 7;
	turns->count = turns->apart * (turns->workers + 1);
	if (turns->count > MOST)
		turns->count = MOST;
	if (turns->count > pages[turns->file])
		turns->count = pages[turns->file];
	turns->first = mix(*seed) % (pages[turns->file] - turns->count + 1);
	advise(files[turns->file], DONTNEED);
}

/* Wrong words of a page, or -1 where it cannot be read. */
static int check(unsigned int file, unsigned int at, unsigned int *first)
{
	int wrong = 0;

	if (lseek(files[file], (long)at << 12, SEEK_SET) < 0 || read(files[file], page, 4096) != 4096)
		return -1;
	for (unsigned int i = 0; i < WORDS; i++)
		if (page[i] != word(file, at * WORDS + i) && !wrong++)
			*first = i;
	return wrong;
}

static int work(struct turns *turns, unsigned int id, unsigned int seconds)
{
	unsigned int seed = 1, reads = 0, bad = 0, failed = 0, first = 0, count = open_files();
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (count > 0) {
		unsigned int file, at;

		if (meet(turns)) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			seed += now.tv_nsec;
			turns->finished = (unsigned int)now.tv_sec - (unsigned int)begin.tv_sec >= seconds;
			pick(turns, count, &seed);
			leave(turns);
		}
		if (turns->finished)
			break;
		file = turns->file;
		at = turns->first + (id * turns->apart + turns->apart / 2) % turns->count;
		if (lseek(files[file], (long)at << 12, SEEK_SET) < 0 || read(files[file], page, 4096) != 4096)
			failed++;
		if (meet(turns))
			leave(turns);
		/* Each looks at some, so that all are seen. */
		for (unsigned int i = id; i < turns->count; i += turns->workers) {
			int wrong = check(file, turns->first + i, &first);

			reads++;
			if (wrong < 0 && failed++ < 3)
				say("worker %u cannot read page %u of %u: %d\n", id, turns->first + i, file, errno);
			if (wrong > 0 && bad++ < 3)
				say("worker %u: page %u of file %u has %d wrong words from %u on\n", id, turns->first + i, file,
				    wrong, first);
		}
	}
	say("WORKER %u reads %u bad %u failed %u\n", id, reads, bad, failed);
	return 0;
}

int main(int argc, char **argv)
{
	static char ids[8][2], where[20], *arguments[5];
	char place[] = "/mnt0";
	int workers = argc > 1 ? atoi(argv[1]) : 0, status = 0;

	if (getpid() != 1)
		return work((struct turns *)strtoul(argv[3], NULL, 16), workers, atoi(argv[2]));
	printf("BEGIN\n");
	for (int i = 3; i < argc; i++) {
		place[4] = '0' + i - 3;
		if (mount(argv[i], place, "erofs", MS_RDONLY, ""))
			printf("cannot mount %s: %d\n", argv[i], errno);
	}
	shared.workers = workers < 8 ? workers : 8;
	snprintf(where, sizeof(where), "%lx", (unsigned long)&shared);
	for (unsigned int i = 0; i < shared.workers; i++) {
		ids[i][0] = '0' + i;
		arguments[0] = "/init";
		arguments[1] = ids[i];
		arguments[2] = argv[2];
		arguments[3] = where;
		if (vfork() == 0) {
			execve("/init", arguments, arguments + 4);
			_exit(1);
		}
	}
	for (unsigned int i = 0; i < shared.workers; i++)
		if (waitpid(-1, &status, 0) < 0 || status)
			printf("a worker ended with %d\n", status);
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

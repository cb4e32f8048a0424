// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the race test. Extents that follow each other share a page, and what is to be caught is a decoder of one that
 * undoes what the decoder of the next wrote there. So workers read together, in turns: the last to arrive picks a row of
 * extents in a file and empties the cache, and then all read at once, each the page in which one of these extents ends and
 * the next begins. A reader is given the part of an extent that another has begun to fetch, so most extents of the row are
 * decoded at the same time, each to a page of the one before and a page of the one after. In every other turn each reads on to
 * where the next worker begins, so that whole extents are decoded, in place where that is possible. When all have read,
 * each looks at what it read once more, as it is in the cache now, the shared pages too.
 *
 *	hammer WORKERS SECONDS DEVICE...
 *
 * Each device has an image with a file of its number, 0, 1, 2, ..., which holds the 32-bit little-endian words
 * word(number, k). Every other device is mounted without a cache for stored data, so that every read waits for the device:
 * that is when a second reader may join.
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
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/reboot.h>
#include "start.h"
#include "words.h"

enum { FILES = 8, WORDS = 1024, DONTNEED = 4, RANDOM = 1, BORDERS = 512, MOST = 16 };

/* There is one address space: this is init's, and workers are told where. */
struct turns {
	unsigned int arrived, number;
	unsigned int workers, finished;
	int gates[2][2];
	/* Of this turn: the file, the border that worker 0 begins at, and whether to read on to the next worker's. */
	unsigned int file, first, onwards;
};

static struct turns shared;
static unsigned int data[MOST * WORDS];

/* Of each file: how many pages, and those of them in which one extent ends and the next begins. */
static int files[FILES];
static unsigned int pages[FILES], borders[FILES], border[FILES][BORDERS];

/* printf, in one piece: several workers write. */
#define say(...) write(1, line, snprintf(line, sizeof(line), __VA_ARGS__))
static char line[160];

static void advise(int file, int advice)
{
#ifdef __arm__
	syscall(__NR_arm_fadvise64_64, file, advice, 0L, 0L, 0L, 0L);
#elif __SIZEOF_POINTER__ == 4
	syscall(__NR_fadvise64_64, file, 0L, 0L, 0L, 0L, advice);
#else
	syscall(__NR_fadvise64, file, 0L, 0L, advice);
#endif
}

/* False where the kernel does not tell of extents, or of none that share a page. */
static int find_borders(unsigned int number)
{
	static struct {
		struct fiemap map;
		struct fiemap_extent extents[32];
	} found;
	unsigned long from = 0;

	for (;;) {
		memset(&found, 0, sizeof(found));
		found.map.fm_start = from;
		found.map.fm_length = ~0ULL;
		found.map.fm_extent_count = 32;
		if (ioctl(files[number], FS_IOC_FIEMAP, &found) < 0)
			return 0;
		for (unsigned int i = 0; i < found.map.fm_mapped_extents; i++) {
			unsigned long begin = found.extents[i].fe_logical;
			unsigned int count = borders[number];

			if (begin & 4095 && count < BORDERS && (count == 0 || border[number][count - 1] != begin >> 12))
				border[number][borders[number]++] = begin >> 12;
			from = begin + found.extents[i].fe_length;
		}
		if (found.map.fm_mapped_extents == 0 || from >> 12 >= pages[number])
			return borders[number] > 0;
	}
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
		if (!find_borders(count)) {
			say("file %u has no extents that share a page: %d\n", count, errno);
			return 0;
		}
		/* No page comes that nobody asked for. */
		advise(files[count], RANDOM);
		count++;
	}
	return count;
}

/*
 * Waits until all have come; true for the last of them, who goes on alone and then calls leave(). Nobody spins: where harts
 * are more than processors, that would take the time of those who work. Two pipes take turns, so that nobody who comes to
 * the next place takes what somebody else is sent at this one.
 */
static int meet(struct turns *turns)
{
	int from = turns->gates[turns->number & 1][0];
	char token;

	if (__atomic_add_fetch(&turns->arrived, 1, __ATOMIC_ACQ_REL) == turns->workers)
		return 1;
	read(from, &token, 1);
	return 0;
}

static void leave(struct turns *turns)
{
	static const char tokens[8];
	int to = turns->gates[turns->number & 1][1];

	turns->arrived = 0;
	turns->number++;
	write(to, tokens, turns->workers - 1);
}

static void pick(struct turns *turns, unsigned int count, unsigned int *seed)
{
	unsigned int places;

	do {
		*seed = mix(*seed + 1);
		turns->file = *seed % count;
		/* Extents of a megabyte take as long as a hundred small ones: not so often. */
	} while (borders[turns->file] < turns->workers && *seed >> 28);
	places = borders[turns->file];
	turns->onwards = *seed >> 16 & 1;
	turns->first = mix(*seed) % (places > turns->workers ? places - turns->workers + 1 : places);
	advise(files[turns->file], DONTNEED);
}

static int read_pages(unsigned int file, unsigned int first, unsigned int count)
{
	return lseek(files[file], (long)first << 12, SEEK_SET) >= 0 && read(files[file], data, count << 12) == (int)count << 12;
}

/* Wrong words of the page that was read as number i, and the first of them. */
static int check(unsigned int file, unsigned int first, unsigned int i, unsigned int *where)
{
	int wrong = 0;

	for (unsigned int k = 0; k < WORDS; k++)
		if (data[i * WORDS + k] != word(file, (first + i) * WORDS + k) && !wrong++)
			*where = k;
	return wrong;
}

static int work(struct turns *turns, unsigned int id, unsigned int seconds)
{
	unsigned int seed = 1, reads = 0, bad = 0, failed = 0, where = 0, count = open_files();
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (count > 0) {
		unsigned int file, at, first, some = 1;

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
		at = (turns->first + id) % borders[file];
		first = border[file][at];
		if (turns->onwards) {
			some = (at + 1 < borders[file] ? border[file][at + 1] : pages[file]) - first;
			some = some < MOST ? some : MOST;
		}
		if (!read_pages(file, first, some) && failed++ < 3)
			say("worker %u cannot read page %u of file %u: %d\n", id, first, file, errno);
		if (meet(turns))
			leave(turns);
		if (!read_pages(file, first, some)) {
			failed++;
			continue;
		}
		for (unsigned int i = 0; i < some; i++) {
			int wrong = check(file, first, i, &where);

			reads++;
			if (wrong > 0 && bad++ < 3)
				say("worker %u: page %u of file %u has %d wrong words from %u on\n", id, first + i, file, wrong, where);
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
		if (mount(argv[i], place, "erofs", MS_RDONLY, i & 1 ? "cache_strategy=disabled" : ""))
			printf("cannot mount %s: %d\n", argv[i], errno);
	}
	shared.workers = workers < 8 ? workers : 8;
	if (pipe(shared.gates[0]) || pipe(shared.gates[1]))
		printf("no pipe: %d\n", errno);
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

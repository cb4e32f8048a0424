// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the test of reads beside a readahead. That keeps its pages locked, and where these are most of memory, a reader of
 * one page finds none for what it decodes: it has to wait. If it did not, it would be killed for want of memory.
 *
 *	scarce ROUNDS LEAST MOST DEVICE NUMBER
 *
 * The device has an image with a file of this number, one digit, which holds the words of words.h. Each round empties
 * the cache, takes memory until between LEAST and MOST pages are free, asks for a stretch of the file ahead, and at
 * once reads pages of it and of what follows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include "start.h"
#include "words.h"

enum { WORDS = 1024, PAGE = 4096, AHEAD = 64, READS = 12, DONTNEED = 4, WILLNEED = 3, RANDOM = 1, MOST_TAKEN = 4096 };

static unsigned int data[WORDS];
static void *taken[MOST_TAKEN];

static void advise(int file, unsigned int first, unsigned int count, int advice)
{
	syscall(__NR_fadvise64, file, (long)first * PAGE, (long)count * PAGE, advice);
}

static unsigned int free_pages(void)
{
	struct sysinfo info;

	syscall(__NR_sysinfo, &info);
	return info.freeram * (info.mem_unit ? info.mem_unit : 1) / PAGE;
}

static int work(unsigned int rounds, unsigned int least, unsigned int most, char number)
{
	char path[] = {'/', 'm', 'n', 't', '0', '/', number, 0};
	int file = open(path, O_RDONLY);
	unsigned int seed = 1, reads = 0, bad = 0, failed = 0, held = 0;
	unsigned int pages = file < 0 ? 0 : lseek(file, 0, SEEK_END) / PAGE;

	if (pages < AHEAD)
		return 1;
	/* No page comes that nobody asked for. */
	advise(file, 0, 0, RANDOM);
	for (unsigned int round = 0; round < rounds; round++) {
		unsigned int first, left = least + (seed = mix(seed + 1)) % (most - least + 1);

		advise(file, 0, 0, DONTNEED);
		while (free_pages() > left && held < MOST_TAKEN) {
			void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (page == MAP_FAILED)
				break;
			taken[held++] = page;
		}
		while (free_pages() < left && held > 0)
			munmap(taken[--held], PAGE);
		first = (seed = mix(seed + 1)) % (pages - AHEAD);
		advise(file, first, AHEAD, WILLNEED);
		for (unsigned int i = 0; i < READS; i++) {
			unsigned int page = first + (seed = mix(seed + 1)) % (2 * AHEAD), wrong = 0;

			if (page >= pages)
				continue;
			lseek(file, (long)page * PAGE, SEEK_SET);
			if (read(file, data, PAGE) != PAGE) {
				if (failed++ < 3)
					printf("round %u, %u pages free: cannot read page %u, %u ahead: %d\n", round, left, page,
					       page - first, errno);
				continue;
			}
			for (unsigned int k = 0; k < WORDS; k++)
				wrong += data[k] != word(number - '0', page * WORDS + k);
			reads++;
			bad += wrong > 0;
		}
	}
	printf("READS %u bad %u failed %u\n", reads, bad, failed);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (getpid() != 1)
		return work(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), *argv[5]);
	printf("BEGIN\n");
	/* Every read waits for the device: that is when another may join it. */
	if (argc < 6 || mount(argv[4], "/mnt0", "erofs", MS_RDONLY, "cache_strategy=disabled"))
		printf("cannot mount: %d\n", errno);
	/* The kernel does not kill init. */
	if (vfork() == 0) {
		execve("/init", argv, argv + argc + 1);
		_exit(1);
	}
	if (waitpid(-1, &status, 0) < 0 || status)
		printf("the reader ended with %d\n", status);
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the speed test: copies a device to memory where the kernel has a disk there, mounts each image of /images (name,
 * options, both ended by NUL bytes), reads its file /file from a cold cache, once from begin to end and once 256 pages here
 * and there, and says how many instructions that took, the kernel's included. QEMU is to run with -icount shift=3.
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
#include <linux/reboot.h>
#include "start.h"

static char list[8192], data[16384];

/* Instructions so far in eighths, those of the kernel too. Four seconds fit a word of 32 bits. */
static unsigned long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (unsigned long)((unsigned int)time.tv_sec % 4 * 1000000000u + (unsigned int)time.tv_nsec);
}

/* From begin to end, which are less than four seconds apart. */
static unsigned long instructions(unsigned long begin, unsigned long end)
{
	return ((unsigned int)(end >= begin ? end - begin : end + 4000000000u - begin)) >> 3;
}

/* Copies the device to the memory disk, up to what is there or fits. */
static int fill(int to, const char *device)
{
	int from = open(device, O_RDONLY), count;

	if (from < 0)
		return -1;
	while ((count = read(from, data, sizeof(data))) > 0)
		if (write(to, data, count) != count)
			return -1;
	close(from);
	return close(to) || count;
}

static void advise(int file, int advice)
{
#ifdef __arm__
	/* 64-bit values lie in pairs of registers. */
	syscall(__NR_arm_fadvise64_64, file, advice, 0L, 0L, 0L, 0L);
#elif __SIZEOF_POINTER__ == 4
	syscall(__NR_fadvise64_64, file, 0L, 0L, 0L, 0L, advice);
#else
	syscall(__NR_fadvise64, file, 0L, 0L, advice);
#endif
}

static void measure(const char *device, const char *name, const char *options)
{
	unsigned long begin, end, seed = 12345;
	long count, pages = 0;
	int file;

	for (int way = 0; way < 2; way++) {
		if (mount(device, "/mnt", "erofs", MS_RDONLY, options) || (file = open("/mnt/file", O_RDONLY)) < 0) {
			printf("cannot mount or open %s: %d\n", name, errno);
			return;
		}
		pages = lseek(file, 0, SEEK_END) >> 12;
		lseek(file, 0, SEEK_SET);
		/* What the inode needs is read before. */
		if (way)
			advise(file, 1);
		begin = now();
		if (!way) {
			while ((count = read(file, data, sizeof(data))) > 0)
				;
			if (count < 0 || lseek(file, 0, SEEK_CUR) != lseek(file, 0, SEEK_END))
				printf("cannot read %s: %d\n", name, errno);
		} else {
			for (int i = 0; i < 256; i++) {
				seed = (seed * 1103515245UL + 12345UL) & 0x7fffffffUL;
				lseek(file, (seed >> 8) % pages << 12, SEEK_SET);
				if (read(file, data, 4096) != 4096)
					printf("cannot read %s: %d\n", name, errno);
			}
			pages = 256;
		}
		end = now();
		printf("TIME %s %s pages %ld instructions %lu\n", name, way ? "random" : "sequential", pages, instructions(begin, end));
		close(file);
		umount2("/mnt", 0);
	}
}

int main(int argc, char **argv)
{
	int file = open("/images", O_RDONLY);
	long size = file < 0 ? 0 : read(file, list, sizeof(list) - 1);

	const char *device = argc > 1 ? argv[1] : "/dev/vdb";
	int memory = open("/dev/ram0", O_WRONLY);

	printf("BEGIN\n");
	if (memory >= 0 && fill(memory, device))
		printf("cannot fill the memory disk: %d\n", errno);
	if (memory >= 0)
		device = "/dev/ram0";
	for (char *name = list; name < list + size;) {
		char *options = name + strlen(name) + 1;

		measure(device, name, options);
		name = options + strlen(options) + 1;
	}
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

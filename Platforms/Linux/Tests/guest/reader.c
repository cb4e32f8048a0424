// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the reading test: mounts each image of /images, reads every file of /expected in it, and says for each image
 * how many were as they must be. Files and records of both lists end with NUL bytes:
 *
 *	/images    name, options to mount the device with; "here" stands for the root itself, which is mounted already, and
 *	           what begins with /dev/ is another device, without options
 *	/expected  64 digits of SHA-256, a space, the path
 *
 * What it prints ends with a line "END"; without one the machine did not get that far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <linux/reboot.h>
#include "start.h"
#include "load.h"
#include "sha256.h"

static unsigned char data[16384];
static struct sha256 hash;

/* 1 where the file is as it must be, 0 where it is not, or the error, negative. */
static int check(const char *path, const char *expected)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char result[32];
	int file = open(path, O_RDONLY), count, right = 1;

	if (file < 0)
		return -errno;
	sha256_begin(&hash);
	while ((count = read(file, data, sizeof(data))) > 0)
		sha256_add(&hash, data, count);
	close(file);
	if (count < 0)
		return -errno;
	sha256_end(&hash, result);
	for (int i = 0; i < 32; i++)
		right &= expected[2 * i] == digits[result[i] >> 4] && expected[2 * i + 1] == digits[result[i] & 15];
	return right;
}

static void show_memory(void)
{
	int file, count;

	mount("proc", "/proc", "proc", 0, "");
	file = open("/proc/meminfo", O_RDONLY);
	count = file < 0 ? -1 : read(file, data, 420);
	if (count > 0)
		write(1, data, count);
}

int main(int argc, char **argv)
{
	const char *device = argc > 1 ? argv[1] : "/dev/vdb";
	char path[600];
	long size, expected_size;
	char *images = load("/images", &size), *expected = load("/expected", &expected_size);

	printf("BEGIN %s\n", device);
	for (char *name = images; images && expected && name < images + size;) {
		char *options = name + strlen(name) + 1;
		int right = 0, wrong = 0, failed = 0, shown = 0, here = !strcmp(options, "here"), other = !strncmp(options, "/dev/", 5);

		if (!here && mount(other ? options : device, "/mnt", "erofs", MS_RDONLY, other ? "" : options)) {
			printf("IMAGE %s mount %d\n", name, errno);
		} else {
			for (char *line = expected; line < expected + expected_size; line += strlen(line) + 1) {
				int result;

				if (strlen(line) + 5 >= sizeof(path))
					continue;
				strcpy(path, here ? "" : "/mnt");
				strcpy(path + (here ? 0 : 4), line + 65);
				result = check(path, line);
				right += result == 1;
				wrong += result == 0;
				failed += result < 0;
				if (result != 1 && shown++ < 4)
					printf("  %d %s\n", result, path);
			}
			printf("IMAGE %s right %d wrong %d failed %d\n", name, right, wrong, failed);
			if (!here && umount2("/mnt", 0))
				printf("umount %d\n", errno);
		}
		name = options + strlen(options) + 1;
	}
	show_memory();
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

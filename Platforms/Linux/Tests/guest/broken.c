// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * init of the test with broken images: mounts each image of /images (see reader.c), and looks at all that is in it: its
 * root, and the file or directory "f" there. For each image it prints what was refused first, and the error, or that
 * nothing was:
 *
 *	IMAGE name mount|root|attributes|list|read error
 *	IMAGE name nothing 0
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
#include <sys/syscall.h>
#include <linux/reboot.h>
#include "start.h"
#include "load.h"

static char data[16384];
/* More of a file is not read, but for its last byte: it may say that it has any size. */
static const long most = 64 << 10;

/* 0, or the error, negative. */
static int list(const char *path)
{
	int file = open(path, O_RDONLY | O_DIRECTORY), count, result;

	if (file < 0)
		return -errno;
	while ((count = getdents64(file, (struct linux_dirent64 *)data, sizeof(data))) > 0)
		;
	result = count < 0 ? -errno : 0;
	close(file);
	return result;
}

static int attributes(const char *path)
{
	static char value[1024];
	long count = syscall(__NR_listxattr, path, data, sizeof(data));

	if (count < 0)
		return -errno;
	for (char *name = data; name < data + count; name += strlen(name) + 1) {
		if (syscall(__NR_getxattr, path, name, value, sizeof(value)) < 0)
			return -errno;
	}
	return 0;
}

static int read_all(const char *path, long long size)
{
	int file = open(path, O_RDONLY);
	long count, done = 0;

	if (file < 0)
		return -errno;
	while ((count = read(file, data, sizeof(data))) > 0 && (done += count) < most)
		;
	if (count >= 0 && size > most)
		count = lseek(file, size - 1, SEEK_SET) < 0 ? -1 : read(file, data, 1);
	count = count < 0 ? -errno : 0;
	close(file);
	return count;
}

static void look(const char *name)
{
	static const char path[] = "/mnt/f";
	const char *what = "root";
	struct stat status;
	int result = list("/mnt");

	if (!result && stat(path, &status))
		result = -errno;
	if (!result) {
		what = "attributes";
		result = attributes(path);
	}
	if (!result && S_ISDIR(status.st_mode)) {
		what = "list";
		result = list(path);
	} else if (!result) {
		what = "read";
		result = read_all(path, status.st_size);
	}
	printf("IMAGE %s %s %d\n", name, result ? what : "nothing", -result);
}

int main(int argc, char **argv)
{
	const char *device = argc > 1 ? argv[1] : "/dev/vdb";
	long size;
	char *images = load("/images", &size);

	printf("BEGIN %s\n", device);
	for (char *name = images; images && name < images + size;) {
		char *options = name + strlen(name) + 1;

		if (mount(device, "/mnt", "erofs", MS_RDONLY, options)) {
			printf("IMAGE %s mount %d\n", name, errno);
		} else {
			look(name);
			if (umount2("/mnt", 0))
				printf("umount %d\n", errno);
		}
		name = options + strlen(options) + 1;
	}
	printf("END\n");
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		sleep(1000);
}

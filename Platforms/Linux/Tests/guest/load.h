/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* A whole file in memory. */
#ifndef LOAD_H
#define LOAD_H

/* The content with a NUL after it, and its size; NULL if it cannot be read, which is said. */
static char *load(const char *path, long *size)
{
	int file = open(path, O_RDONLY);
	long count = file < 0 ? -1 : lseek(file, 0, SEEK_END), done = 0;
	char *text = count < 0 ? NULL : malloc(count + 1);

	if (!text || lseek(file, 0, SEEK_SET) != 0) {
		printf("cannot load %s: %d\n", path, errno);
		return NULL;
	}
	while (done < count) {
		long step = read(file, text + done, count - done);

		if (step <= 0)
			return NULL;
		done += step;
	}
	close(file);
	text[count] = 0;
	*size = count;
	return text;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What C libraries declare for GNU sources only. */
#ifdef __linux__
#include <sys/types.h>
int sync_file_range(int file, off_t offset, off_t count, unsigned int flags);
#endif

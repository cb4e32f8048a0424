/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What differs between the releases that there are patches for: 6.12 and 7.2. */
#ifndef EROFS_PAGES_RELEASE_H
#define EROFS_PAGES_RELEASE_H

#include <linux/version.h>
#include "compress.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
/* The caller is told why a stream does not decode, as a text or an error pointer, and prints it. */
typedef const char *pages_verdict;
#define PAGES_RIGHT NULL

static inline pages_verdict pages_refuse(struct z_erofs_decompress_req *rq, int err, const char *reason)
{
	return err ? ERR_PTR(err) : reason;
}

/* LZ4 without padding in front is refused at mount. */
static inline bool pages_are_padded(const struct z_erofs_decompress_req *rq)
{
	return true;
}
#else
/* The caller is told an error number, and says nothing. */
typedef int pages_verdict;
#define PAGES_RIGHT 0

static inline pages_verdict pages_refuse(struct z_erofs_decompress_req *rq, int err, const char *reason)
{
	if (err)
		return err;
	erofs_err(rq->sb, "failed to decompress: %s", reason);
	return -EFSCORRUPTED;
}

/* LZ4 before Linux 5.3: stored data begins at once, and may go on behind its extent. */
static inline bool pages_are_padded(const struct z_erofs_decompress_req *rq)
{
	return rq->alg != Z_EROFS_COMPRESSION_LZ4 || erofs_sb_has_zero_padding(EROFS_SB(rq->sb));
}
#endif

/* The entry for LZ4, whose other functions are in decompressor.c. */
pages_verdict z_erofs_pages_lz4(struct z_erofs_decompress_req *rq, struct page **pagepool);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What differs between kernels from 6.1 to 7.2. pages_tree.h says which of both this one is: it is written at installation. */
#ifndef EROFS_PAGES_RELEASE_H
#define EROFS_PAGES_RELEASE_H

#include "compress.h"
#include "pages_tree.h"

#if EROFS_PAGES_REASONS
/* The caller is told why a stream does not decode, as a text or an error pointer, and prints it. */
typedef const char *pages_verdict;
#define PAGES_RIGHT NULL

static inline pages_verdict pages_refuse(struct z_erofs_decompress_req *rq, int err, const char *reason)
{
	return err ? ERR_PTR(err) : reason;
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
#endif

static inline bool pages_are_padded(const struct z_erofs_decompress_req *rq)
{
#if EROFS_PAGES_UNPADDED
	/* LZ4 before Linux 5.3: stored data begins at once, and may go on behind its extent. */
	return rq->alg != Z_EROFS_COMPRESSION_LZ4 || erofs_sb_has_zero_padding(EROFS_SB(rq->sb));
#else
	/* It is refused at mount. */
	return true;
#endif
}

/* For pages and tables that a request takes. */
static inline gfp_t pages_gfp(const struct z_erofs_decompress_req *rq)
{
#if EROFS_PAGES_GFP
	return rq->gfp;
#else
	return GFP_KERNEL;
#endif
}

#if EROFS_PAGES_OBJECTS
#define EROFS_PAGES_FUNCTION static
#define EROFS_PAGES_INIT __init
#define EROFS_PAGES_OBJECT(word)										\
const struct z_erofs_decompressor z_erofs_##word##_decomp = {							\
	.config = z_erofs_load_##word##_config,									\
	.decompress = z_erofs_##word##_decompress,								\
	.init = z_erofs_##word##_init,										\
	.exit = z_erofs_##word##_exit,										\
	.name = #word,												\
};
#else
/* The kernel's headers declare them. */
#define EROFS_PAGES_FUNCTION
#define EROFS_PAGES_INIT
#define EROFS_PAGES_OBJECT(word)
#endif

/* The entry for LZ4, whose other functions are in decompressor.c. */
pages_verdict z_erofs_pages_lz4(struct z_erofs_decompress_req *rq, struct page **pagepool);

#endif

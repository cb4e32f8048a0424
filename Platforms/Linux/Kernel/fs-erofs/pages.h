/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/*
 * Between fs/erofs and the decoders in Swift. Both compilers read it, so it needs no kernel header. Sizes are long:
 * size_t is another type in Swift on each kind of machine.
 */
#ifndef EROFS_PAGES_H
#define EROFS_PAGES_H

#ifndef __clang__
#define _Nonnull
#define _Nullable
#endif

/* One pcluster: stored bytes in some page frames, to be decoded to other page frames, or to the same. */
struct erofs_pages_request {
	/* Addresses of the frames, where the first byte lies in the first of them, and how many bytes there are. */
	void *_Nonnull *_Nonnull in;
	long in_offset, in_size;
	void *_Nonnull *_Nonnull out;
	long out_offset, out_size;
	/* Tables of the codec: as many bytes as erofs_pages_working_bytes() asks for, aligned to 8. */
	void *_Nullable memory;
	long memory_size;
	/* log2 of the bytes in a page. */
	int page_shift;
	/* Whether the stream may go on behind out_size. */
	int partial;
	/*
	 * Whether frames of in are frames of out as well. Those that have to give way before they are read are replaced
	 * by spare ones, in in.
	 */
	int in_place;
};

/* What became of it. */
enum erofs_pages_result {
	EROFS_PAGES_DECODED,
	/* The stream goes on where its stored bytes have ended. */
	EROFS_PAGES_INPUT_ENDED,
	/* The stream breaks a rule of its format. */
	EROFS_PAGES_INVALID,
	/* A match reaches back before the first byte. */
	EROFS_PAGES_DISTANCE,
	/* The stream is shorter, or longer, than the index says. */
	EROFS_PAGES_SHORT,
	EROFS_PAGES_LONG,
	/* Stored bytes are left over. */
	EROFS_PAGES_TRAILING,
	/* A feature that nobody's EROFS uses. */
	EROFS_PAGES_UNSUPPORTED,
	/* The tables need more memory: ask erofs_pages_working_bytes() with the stream's first byte. */
	EROFS_PAGES_MEMORY,
};

/* The entries of the decoders, and what this side has to know of the algorithms. */
#include "pages_codecs.h"

/* The kernel's: a frame that nobody uses, for stored bytes to give way to; or none. */
void *_Nullable erofs_pages_spare(const struct erofs_pages_request *_Nonnull request);

/*
 * Bytes of tables for a stream of this algorithm (its id in the format) that begins with this byte; for the streams that
 * there usually are if first_byte is negative. 0 for none; for a first byte that no stream has, what any would need.
 */
long erofs_pages_working_bytes(int algorithm, int first_byte);

#endif

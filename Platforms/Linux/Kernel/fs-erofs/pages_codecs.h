/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* Made by Tools/run codecs from Tools/codecs.txt: change that. */
#ifndef EROFS_PAGES_CODECS_H
#define EROFS_PAGES_CODECS_H

/* One of enum erofs_pages_result. */
int erofs_pages_lz4(const struct erofs_pages_request *_Nonnull request);
int erofs_pages_lzma(const struct erofs_pages_request *_Nonnull request);
int erofs_pages_deflate(const struct erofs_pages_request *_Nonnull request);
int erofs_pages_zstd(const struct erofs_pages_request *_Nonnull request);

/* Bytes that a match can reach back in any stream of this algorithm; 0 for all that was decoded. */
#define EROFS_PAGES_REACH(algorithm) \
	((algorithm) == 0 ? 65536 : \
	 (algorithm) == 2 ? 32768 : \
	 0)

/*
 * How far the stored bytes must end after the decoded ones for them not to be written over before they are read; -1 if no
 * distance is enough.
 */
#define EROFS_PAGES_MARGIN(algorithm, stored) \
	((algorithm) == 0 ? (long)(((stored) >> 8) + 32) : \
	 -1L)

/* The algorithms that a kernel may leave out: OPTIONAL(word, NAME, field of the record, its largest value). */
#define EROFS_PAGES_OPTIONAL_CODECS \
	EROFS_PAGES_IF_LZMA(lzma, LZMA, format, 0) \
	EROFS_PAGES_IF_DEFLATE(deflate, DEFLATE, windowbits, 15) \
	EROFS_PAGES_IF_ZSTD(zstd, ZSTD, format, 0)

#ifdef CONFIG_EROFS_FS_ZIP_LZMA
#define EROFS_PAGES_IF_LZMA EROFS_PAGES_OPTIONAL
#else
#define EROFS_PAGES_IF_LZMA(...)
#endif

#ifdef CONFIG_EROFS_FS_ZIP_DEFLATE
#define EROFS_PAGES_IF_DEFLATE EROFS_PAGES_OPTIONAL
#else
#define EROFS_PAGES_IF_DEFLATE(...)
#endif

#ifdef CONFIG_EROFS_FS_ZIP_ZSTD
#define EROFS_PAGES_IF_ZSTD EROFS_PAGES_OPTIONAL
#else
#define EROFS_PAGES_IF_ZSTD(...)
#endif

#endif

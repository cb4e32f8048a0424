/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Decodes one stream ROUNDS times, and ends with status 0 if all bytes are right. PEER is the number of a decoder of Linux,
 * LIBRARY that of a C library; without them, the decoder is DECODE of erofs_pages.c or of a Swift object. There is no libc,
 * but on x86-64. */

#if defined(LIBRARY)
#include <stddef.h>
#if LIBRARY == 0
#include <lz4.h>
#elif LIBRARY == 1
#include <lzma.h>
#elif LIBRARY == 2
#include <libdeflate.h>
#else
#include <zstd.h>
#endif
#elif defined(PEER)
#include "kernel.h"
#if PEER == 0
#include <linux/lz4.h>
#elif PEER == 1
#include <linux/xz.h>
#elif PEER == 2
#include <linux/zlib.h>
#include <linux/zutil.h>
#else
#include <linux/zstd_lib.h>
#endif
#else
#include "pages.h"
#include <stddef.h>
#endif

/* data.S */
extern unsigned char stored[], stored_end[], decoded[], decoded_end[];
enum { PAGE_SHIFT_HERE = 12, FRAMES = 40 };
static unsigned char output[FRAMES << PAGE_SHIFT_HERE];
#ifndef LIBRARY
static _Alignas(16) unsigned char memory[512 << 10];
#endif

#if defined(LIBRARY)
static int decode(size_t in, size_t out) {
#if LIBRARY == 0
  return LZ4_decompress_safe((const char *)stored, (char *)output, (int)in, (int)out) == (int)out;
#elif LIBRARY == 1
  static lzma_stream stream;
  if (lzma_microlzma_decoder(&stream, in, out, 1, 1 << 20) != LZMA_OK) return 0;
  stream.next_in = stored, stream.avail_in = in, stream.next_out = output, stream.avail_out = out;
  return lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END && stream.avail_out == 0;
#elif LIBRARY == 2
  static struct libdeflate_decompressor *state;
  if (!state) state = libdeflate_alloc_decompressor();
  return libdeflate_deflate_decompress(state, stored, in, output, out, NULL) == LIBDEFLATE_SUCCESS;
#else
  static ZSTD_DCtx *state;
  if (!state) state = ZSTD_createDCtx();
  return ZSTD_decompressDCtx(state, output, out, stored, in) == out;
#endif
}
#elif defined(PEER)
static size_t taken;
void *peer_memory(size_t count) {
  unsigned char *from = memory + taken;
  taken += (count + 15) & ~(size_t)15;
  return taken <= sizeof memory ? from : NULL;
}

static int decode(size_t in, size_t out) {
  static void *state;
#if PEER == 0
  (void)state;
  return LZ4_decompress_safe((const char *)stored, (char *)output, (int)in, (int)out) == (int)out;
#elif PEER == 1
  struct xz_buf buffer = {stored, 0, in, output, 0, out};
  if (!state) state = xz_dec_microlzma_alloc(XZ_SINGLE, 1 << 20);
  xz_dec_microlzma_reset(state, (uint32_t)in, (uint32_t)out, true);
  return xz_dec_microlzma_run(state, &buffer) == XZ_STREAM_END && buffer.out_pos == out;
#elif PEER == 2
  static z_stream stream;
  if (!state) state = stream.workspace = peer_memory((size_t)zlib_inflate_workspacesize());
  if (zlib_inflateInit2(&stream, -MAX_WBITS) != Z_OK) return 0;
  stream.next_in = stored;
  stream.avail_in = in;
  stream.next_out = output;
  stream.avail_out = out;
  return zlib_inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == out;
#else
  size_t size = ZSTD_estimateDCtxSize();
  if (!state) state = ZSTD_initStaticDCtx(peer_memory(size), size);
  return ZSTD_decompressDCtx(state, output, out, stored, in) == out;
#endif
}
#else
void *erofs_pages_spare(const struct erofs_pages_request *request) {
  (void)request;
  return NULL;
}

static int decode(size_t in, size_t out) {
  static void *to[FRAMES], *from[FRAMES];
  for (size_t i = 0; i < FRAMES; i++)
    to[i] = output + (i << PAGE_SHIFT_HERE), from[i] = stored + (i << PAGE_SHIFT_HERE);
  struct erofs_pages_request request = {from, 0, (long)in, to, 0, (long)out, memory, sizeof memory, PAGE_SHIFT_HERE, 0, 0};
  return DECODE(&request) == EROFS_PAGES_DECODED;
}
#endif

static int run(void) {
  size_t in = (size_t)(stored_end - stored), out = (size_t)(decoded_end - decoded);
  for (int round = 0; round < ROUNDS; round++) {
    if (!decode(in, out)) return 1;
  }
  for (size_t i = 0; i < out; i++) {
    if (output[i] != decoded[i]) return 2;
  }
  return 0;
}

#if defined(__x86_64__)
int main(void) { return run(); }
#else
__attribute__((noreturn)) static void end(long status) {
#if defined(__arm__)
  register long r0 __asm__("r0") = status;
  __asm__ volatile("mov r7, #1\n\tsvc 0" ::"r"(r0) : "memory");
#elif defined(__riscv)
  register long a0 __asm__("a0") = status;
  register long a7 __asm__("a7") = 93;
  __asm__ volatile("ecall" ::"r"(a0), "r"(a7) : "memory");
#elif defined(__m68k__)
  register long d0 __asm__("d0") = 1;
  register long d1 __asm__("d1") = status;
  __asm__ volatile("trap #0" ::"d"(d0), "d"(d1) : "memory");
#endif
  __builtin_unreachable();
}

void _start(void);
void _start(void) { end(run()); }
#endif

/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Decodes the extents of a file with a decoder of Linux, and says how many instructions that took. */

#include "kernel.h"
#include "machine.h"

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

/* What lies at LIST: how many extents there are, then they. */
typedef struct { uint32_t offset, stored, length, algorithm, padded; } extent;

static unsigned char *rest;

void *peer_memory(size_t count) {
  unsigned char *taken = rest ? rest : machine_free_memory();
  rest = taken + (count + 15 & ~(size_t)15);
  return memset(taken, 0, count);
}

static void say(const char *text) { machine_semihosting(4, text); }

static void number(uint32_t value) {
  char text[11];
  int at = 10;
  text[10] = 0;
  do text[--at] = (char)('0' + value % 10); while ((value /= 10) != 0);
  say(text + at);
}

_Noreturn static void end(uintptr_t status) {
  uintptr_t block[2] = {0x20026, status};
  for (;;) machine_semihosting(0x20, block);
}

_Noreturn void machine_trapped(const machine_trap *trap) {
  say("trap ");
  number((uint32_t)trap->address);
  say("\n");
  end(70);
}

static void *state;

/* One extent; false where it does not decode to its length. */
static bool decode(const unsigned char *from, size_t stored, unsigned char *to, size_t length) {
#if PEER == 0
  return LZ4_decompress_safe((const char *)from, (char *)to, (int)stored, (int)length) == (int)length;
#elif PEER == 1
  struct xz_buf buffer = {from, 0, stored, to, 0, length};
  if (!state) state = xz_dec_microlzma_alloc(XZ_SINGLE, 1 << 20);
  xz_dec_microlzma_reset(state, (uint32_t)stored, (uint32_t)length, true);
  return xz_dec_microlzma_run(state, &buffer) == XZ_STREAM_END && buffer.out_pos == length;
#elif PEER == 2
  static z_stream stream;
  if (!state) state = stream.workspace = peer_memory((size_t)zlib_inflate_workspacesize());
  if (zlib_inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  stream.next_in = from;
  stream.avail_in = stored;
  stream.next_out = to;
  stream.avail_out = length;
  return zlib_inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == length;
#else
  size_t size = ZSTD_estimateDCtxSize();
  if (!state) state = ZSTD_initStaticDCtx(peer_memory(size), size);
  return ZSTD_decompressDCtx(state, to, length, from, stored) == length;
#endif
}

int main(int count, char **words) {
  (void)count, (void)words;
  const uint32_t *list = (const uint32_t *)LIST;
  const extent *extents = (const extent *)(list + 1);
  unsigned char *output = peer_memory(1 << 20);
  uint32_t bytes = 0, hash = 2166136261u;
  /* The counter's first reading starts it. */
  (void)machine_instructions();
  uintptr_t before = machine_instructions();
  for (uint32_t i = 0; i < *list; i++) {
    const unsigned char *from = (const unsigned char *)IMAGE + extents[i].offset;
    size_t stored = extents[i].stored, length = extents[i].length;
    if (extents[i].padded) while (stored > 0 && *from == 0) from++, stored--;
    if (extents[i].algorithm != PEER) {
      memcpy(output + bytes, from, length);
    } else if (!decode(from, stored, output + bytes, length)) {
      say("undecodable\n");
      end(1);
    }
    bytes += (uint32_t)length;
  }
  uintptr_t after = machine_instructions();
  for (uint32_t i = 0; i < bytes; i++) hash = (hash ^ output[i]) * 16777619u;
  say("bytes ");
  number(bytes);
  say(", instructions ");
  number((uint32_t)(after - before));
  say(", hash ");
  number(hash);
  say("\n");
  end(0);
}

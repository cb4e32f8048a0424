/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Decodes streams with erofs_pages.c, from page frames to page frames that are memory of their own, so that a byte too far is
 * found. The file has records of four little-endian numbers of 32 bits (codec, stored bytes, decoded bytes, 0), and then
 * those bytes.
 *
 *   decode FILE          every stream must come out right, contiguous and scattered; the last line is "N right, M wrong"
 *   decode FILE COUNT    every stream with damage in COUNT places: what comes out does not matter
 *   decode FILE judge    the decoded bytes are not in FILE: for every stream and layout a line with a sum of what comes out, or
 *                        "refused" */

#include "pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHIFT = 9, PAGE = 1 << SHIFT, FRAMES = 700 };

void *erofs_pages_spare(const struct erofs_pages_request *request) {
  (void)request;
  return NULL;
}

static unsigned chance = 7;
static unsigned next(void) { return chance = chance * 1664525u + 1013904223u, chance >> 8; }

static void *exactly(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

/* Frames with `count` bytes from `offset` on: one run of memory, or one piece for each. */
static unsigned char *make(void **frames, long offset, long count, int scattered) {
  long pages = (offset + count + PAGE - 1) >> SHIFT;
  if (pages > FRAMES) abort();
  unsigned char *run = scattered ? NULL : exactly((size_t)pages << SHIFT);
  for (long page = 0; page < pages; page++) frames[page] = scattered ? exactly(PAGE) : run + (page << SHIFT);
  return run;
}

static void drop(void **frames, long offset, long count, unsigned char *run) {
  long pages = (offset + count + PAGE - 1) >> SHIFT;
  for (long page = 0; !run && page < pages; page++) free(frames[page]);
  free(run);
}

static int decode(int codec, const struct erofs_pages_request *request) {
  switch (codec) {
  case 0: return erofs_pages_lz4(request);
  case 1: return erofs_pages_lzma(request);
  case 2: return erofs_pages_deflate(request);
  default: return erofs_pages_zstd(request);
  }
}

/* Whether a stream is decoded, and to these bytes; if `decoded` is NULL, to any, of which *sum gets a sum. */
static int one(
    int codec, const unsigned char *stored, long from, const unsigned char *decoded, long to, int scattered, unsigned *sum) {
  static void *in[FRAMES], *out[FRAMES];
  long in_offset = scattered ? next() % PAGE : 0, out_offset = scattered ? next() % PAGE : 0;
  unsigned char *in_run = make(in, in_offset, from, scattered), *out_run = make(out, out_offset, to, scattered);
  for (long at = 0; at < from; at++) ((unsigned char *)in[(in_offset + at) >> SHIFT])[(in_offset + at) & (PAGE - 1)] = stored[at];
  long bytes = erofs_pages_working_bytes(codec, from ? stored[0] : -1);
  void *memory = exactly((size_t)bytes);
  struct erofs_pages_request request = {in, in_offset, from, out, out_offset, to, bytes ? memory : NULL, bytes, SHIFT, 0, 0};
  int good = decode(codec, &request) == EROFS_PAGES_DECODED;
  for (long at = 0; good && at < to; at++) {
    unsigned char byte = ((unsigned char *)out[(out_offset + at) >> SHIFT])[(out_offset + at) & (PAGE - 1)];
    if (decoded) {
      good = byte == decoded[at];
    } else {
      *sum = (*sum ^ byte) * 16777619u;
    }
  }
  free(memory);
  drop(in, in_offset, from, in_run);
  drop(out, out_offset, to, out_run);
  return good;
}

int main(int count, char **words) {
  FILE *file = count > 1 ? fopen(words[1], "rb") : NULL;
  if (!file) return 2;
  int judge = count > 2 && !strcmp(words[2], "judge"), damages = count > 2 && !judge ? atoi(words[2]) : 0, right = 0, wrong = 0;
  unsigned char head[16];
  while (fread(head, sizeof head, 1, file)) {
    unsigned numbers[4];
    for (int i = 0; i < 4; i++) {
      const unsigned char *at = head + 4 * i;
      numbers[i] = at[0] | (unsigned)at[1] << 8 | (unsigned)at[2] << 16 | (unsigned)at[3] << 24;
    }
    unsigned char *stored = exactly(numbers[1]), *decoded = exactly(numbers[2]);
    if (fread(stored, 1, numbers[1], file) != numbers[1]) return 2;
    if (!judge && fread(decoded, 1, numbers[2], file) != numbers[2]) return 2;
    for (int scattered = 0; judge && scattered < 3; scattered++) {
      unsigned sum = 2166136261u;
      int good = one((int)numbers[0], stored, (long)numbers[1], NULL, (long)numbers[2], scattered, &sum);
      if (good) printf("%08x\n", sum);
      else puts("refused");
    }
    for (int scattered = 0; !damages && !judge && scattered < 3; scattered++) {
      if (one((int)numbers[0], stored, (long)numbers[1], decoded, (long)numbers[2], scattered, NULL)) {
        right++;
      } else {
        wrong++;
        printf("codec %u, %u bytes to %u, %s\n", numbers[0], numbers[1], numbers[2], scattered ? "scattered" : "contiguous");
      }
    }
    for (int damage = 0; damage < damages; damage++) {
      unsigned char *byte = stored + (damage & 1 ? next() % 40 : next()) % numbers[1], before = *byte;
      *byte = (unsigned char)next();
      right += one((int)numbers[0], stored, (long)numbers[1], decoded, (long)numbers[2], damage & 2, NULL);
      *byte = before;
    }
    free(stored);
    free(decoded);
  }
  if (!judge) printf("%d right, %d wrong\n", right, wrong);
  return wrong != 0;
}

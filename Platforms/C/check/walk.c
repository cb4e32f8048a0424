/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Reads whole images through erofs.h, each in memory that is exactly as large as it must be.
 *
 *   walk whole OUTPUT IMAGE...   mapped; a file is read by one call
 *   walk steps OUTPUT IMAGE...   through a read function; a file is read in steps
 *   walk damaged COUNT IMAGE...  with damage in COUNT places, one after the other: what is read does not matter
 *
 * Writes into OUTPUT a line for each inode (mode, uid, gid, mtime, size, path), which ends with a zero
 * byte, followed by the bytes of files and symbolic links; and a line "end" with the status of an image. */

#include "erofs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *image;
static size_t image_size;
static erofs files;
static int steps, quiet;
static FILE *output;

static int32_t read_image(void *context, uint64_t offset, void *buffer, size_t count) {
  if (context != &image || offset > image_size || count > image_size - offset) abort();
  memcpy(buffer, image + offset, count);
  return 0;
}

/* Memory of that size and no more: what is read or written past its end is found. */
static void *exactly(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

static erofs_result content(erofs_file *file) {
  if (file->size > 64 << 20) return EROFS_NO_MEMORY;
  size_t size = (size_t)file->size, done = 0, count;
  unsigned char *bytes = exactly(size);
  erofs_result result = EROFS_OK;
  do {
    size_t wanted = steps && size - done > 4093 ? 4093 : size - done;
    result = erofs_read(&files, file, bytes + done, wanted, &count);
    if (result == EROFS_OK && count != wanted) abort();
    done += count;
  } while (result == EROFS_OK && done < size);
  if (result != EROFS_OK) memset(bytes, 0, size);
  if (!quiet) fwrite(bytes, 1, size, output);
  free(bytes);
  return result;
}

static erofs_result walk(const char *path, int depth) {
  erofs_file file;
  erofs_result result = erofs_open(&files, path, &file), worst = EROFS_OK;
  if (result != EROFS_OK) return result;
  if (!quiet) {
    fprintf(output, "%o %lu %lu %lld %llu %s%c", (unsigned)file.mode, (unsigned long)file.uid, (unsigned long)file.gid, (long long)file.mtime,
            (unsigned long long)file.size, *path ? path : "/", 0);
  }
  switch (file.mode & 0170000) {
  case 0100000:
  case 0120000: {
    const void *address;
    result = erofs_address(&files, &file, &address);
    if (result != EROFS_OK && !quiet) return result;
    return content(&file);
  }
  case 0040000: break;
  default: return EROFS_OK;
  }
  if (depth > (quiet ? 8 : 100)) return EROFS_OK;
  erofs_entry entry;
  int entries = 0;
  while (entries++ < 2000 && (result = erofs_readdir(&files, &file, &entry)) == EROFS_OK) {
    char *child = exactly(strlen(path) + strlen(entry.name) + 2);
    sprintf(child, "%s/%s", path, entry.name);
    erofs_result found = walk(child, depth + 1);
    if (found != EROFS_OK) worst = found;
    free(child);
  }
  return result < 0 ? result : worst;
}

/* Mounts with much memory, then with exactly what that said, and walks. */
static erofs_result read_all(void) {
  erofs_storage storage = {steps ? NULL : image, image_size, read_image, &image};
  size_t needed = 0, much = 8 << 20;
  void *arena = exactly(much);
  erofs_result result = erofs_mount(&files, &storage, arena, much, EROFS_SURVEY, &needed);
  free(arena);
  if (result != EROFS_OK) return result;
  arena = exactly(needed);
  result = erofs_mount(&files, &storage, arena, needed, EROFS_SURVEY, NULL);
  if (result == EROFS_OK) result = walk("", 0);
  free(arena);
  return result;
}

static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) abort();
  image_size = (size_t)ftell(file);
  image = exactly(image_size);
  rewind(file);
  if (fread(image, 1, image_size, file) != image_size) abort();
  fclose(file);
}

static uint32_t chance = 1;
static uint32_t next(void) { return chance = chance * 1664525u + 1013904223u, chance >> 8; }

int main(int count, char **words) {
  if (count < 3) return 2;
  int damages = 0;
  steps = !strcmp(words[1], "steps");
  if (!strcmp(words[1], "damaged")) {
    damages = atoi(words[2]), quiet = 1;
  } else if (!(output = fopen(words[2], "wb"))) {
    return 2;
  }
  for (int number = 3; number < count; number++) {
    load(words[number]);
    if (!quiet) {
      erofs_result result = read_all();
      fprintf(output, "end %d %s%c", (int)result, erofs_error_text(&files), 0);
    }
    for (int damage = 0; damage < damages; damage++) {
      /* The superblock, what follows it, or anywhere. */
      size_t at = damage % 3 == 0 ? 1024 + next() % 128 : damage % 3 == 1 ? next() % 65536 : next();
      unsigned char *byte = image + at % image_size, before = *byte;
      *byte = (unsigned char)next();
      steps = damage & 1;
      chance += (uint32_t)read_all();
      *byte = before;
    }
    free(image);
  }
  return output && fclose(output);
}

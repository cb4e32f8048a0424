/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Reads whole images through erofs.h, each in memory that is exactly as large as it must be.
 *
 *   walk whole OUTPUT IMAGE...   mapped; a file is read by one call
 *   walk steps OUTPUT IMAGE...   from a device whose driver reads whole sectors to aligned addresses only; a file in steps
 *   walk damaged COUNT IMAGE...  with damage in COUNT places, one after the other: what is read does not matter
 *   walk judge OUTPUT IMAGE...   as whole, of images that may be damaged: a line "status" says what came of an inode
 *   walk follow OUTPUT IMAGE PATH...   for each path a line: what following it says, and the nid, with the last name and without
 *
 * Writes into OUTPUT a line for each inode (mode, uid, gid, mtime, size, nid, path), which ends with a zero
 * byte, followed by the bytes of files and symbolic links; for each of its extended attributes a line "xattr" with the number
 * of bytes and the name, followed by these bytes; and a line "end" with the status of an image. */

#include "erofs.h"
#include "erofs_sectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *image;
static size_t image_size;
static erofs files;
/* hostile: the image may contradict itself, and asks for much; quiet: nothing is written. */
static int steps, hostile, quiet;
static FILE *output;

enum { SHIFT = 9, SECTOR = 1 << SHIFT, FIRST = 3, ALIGNMENT = 64 };

/* The image starts at the third sector. What it lacks of its last one is not read. */
static int32_t read_sector(void *driver, uint64_t sector, void *buffer) {
  if (driver != &image || sector < FIRST || (uintptr_t)buffer % ALIGNMENT) abort();
  uint64_t offset = (sector - FIRST) * SECTOR;
  if (offset >= image_size) abort();
  memset(buffer, 0xff, SECTOR);
  memcpy(buffer, image + offset, image_size - offset < SECTOR ? (size_t)(image_size - offset) : SECTOR);
  return 0;
}

static _Alignas(ALIGNMENT) unsigned char sector_buffer[SECTOR];
static erofs_sectors device = {read_sector, &image, FIRST, 0, SHIFT, sector_buffer};

/* Memory of that size and no more: what is read or written past its end is found. */
static void *exactly(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

static erofs_result content(erofs_file *file) {
  if (file->size > (hostile ? 1 << 20 : 64 << 20)) return EROFS_NO_MEMORY;
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

/* Lists the extended attributes, and gets each by its name. */
static erofs_result attributes(const erofs_file *file) {
  erofs_xattr xattr;
  erofs_result result;
  int count = 0;
  memset(&xattr, 0, sizeof xattr);
  while (count++ < 200 && (result = erofs_listxattr(&files, file, &xattr)) == EROFS_OK) {
    size_t size;
    unsigned char *value = exactly(xattr.size);
    result = erofs_getxattr(&files, file, xattr.name, value, xattr.size, &size);
    if (result == EROFS_OK && !quiet) {
      if (size != xattr.size && !hostile) abort();
      if (size > xattr.size) size = xattr.size;
      fprintf(output, "xattr %lu %s%c", (unsigned long)size, xattr.name, 0);
      fwrite(value, 1, size, output);
      /* A part of it, and its size alone. */
      unsigned char first = 0;
      if (hostile) {
        /* Of two attributes with one name it is the first that is got. */
      } else if (erofs_getxattr(&files, file, xattr.name, &first, size ? 1 : 0, &size) != EROFS_OK || size != xattr.size ||
          (size && first != value[0]) || erofs_getxattr(&files, file, xattr.name, NULL, 0, &size) != EROFS_OK || size != xattr.size)
        abort();
    }
    free(value);
    if (result != EROFS_OK) return result;
  }
  size_t size;
  if (result == EROFS_END && !hostile &&
      (erofs_getxattr(&files, file, "user.none of this name", NULL, 0, &size) != EROFS_NOT_FOUND || size != 0)) abort();
  return result == EROFS_END ? EROFS_OK : result;
}

static erofs_result walk(const char *path, int depth) {
  erofs_file file;
  erofs_result result = erofs_open(&files, path, &file), worst = EROFS_OK;
  if (result != EROFS_OK) return result;
  if (!quiet) {
    fprintf(output, "%o %lu %lu %lld %llu %llu %s%c", (unsigned)file.mode, (unsigned long)file.uid, (unsigned long)file.gid,
            (long long)file.mtime, (unsigned long long)file.size, (unsigned long long)file.nid, *path ? path : "/", 0);
  }
  erofs_file same;
  result = erofs_follow(&files, path, &same, EROFS_LAST_LINK);
  if (!hostile && (result != EROFS_OK || same.nid != file.nid)) abort();
  if (hostile) result = erofs_follow(&files, path, &same, EROFS_FOLLOW_LAST);
  switch (file.mode & 0170000) {
  case 0100000:
  case 0120000: {
    const void *address;
    result = erofs_address(&files, &file, &address);
    if (result != EROFS_OK && !hostile) return result;
    result = content(&file);
    erofs_result listed = attributes(&file);
    if (hostile && !quiet) fprintf(output, "status %d %d%c", (int)result, (int)listed, 0);
    return result != EROFS_OK ? result : listed;
  }
  case 0040000:
    worst = attributes(&file);
    break;
  default: return attributes(&file);
  }
  if (depth > (hostile ? 8 : 100)) return EROFS_OK;
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
  erofs_storage storage = {steps ? NULL : image, image_size, erofs_sectors_read, &device};
  device.number = 0;
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

/* Follows paths, in memory that is exactly enough for the whole image. */
static void follow(char **paths, int count) {
  erofs_storage storage = {image, image_size, NULL, NULL};
  size_t needed = 0, much = 8 << 20;
  void *arena = exactly(much);
  if (erofs_mount(&files, &storage, arena, much, EROFS_SURVEY, &needed) != EROFS_OK) abort();
  free(arena);
  arena = exactly(needed);
  if (erofs_mount(&files, &storage, arena, needed, EROFS_SURVEY, NULL) != EROFS_OK) abort();
  for (int number = 0; number < count; number++) {
    erofs_file target = {0}, link = {0};
    int all = (int)erofs_follow(&files, paths[number], &target, EROFS_FOLLOW_LAST);
    int but_last = (int)erofs_follow(&files, paths[number], &link, EROFS_LAST_LINK);
    fprintf(output, "%d %llu %d %llu\n", all, (unsigned long long)target.nid, but_last, (unsigned long long)link.nid);
  }
  if (erofs_follow(&files, "/", NULL, 0) != EROFS_ARGUMENT || erofs_error_detail(&files) != 3) abort();
  erofs_file root;
  if (erofs_follow(&files, "/", &root, 2) != EROFS_ARGUMENT || erofs_error_detail(&files) != 4) abort();
  if (erofs_follow(&files, "/", &root, 0) != EROFS_OK) abort();
  erofs_xattr wrong;
  memset(&wrong, 0xff, sizeof wrong);
  if (erofs_listxattr(&files, &root, &wrong) != EROFS_ARGUMENT || erofs_error_detail(&files) != 3) abort();
  free(arena);
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
    damages = atoi(words[2]), hostile = quiet = 1;
  } else if (!(output = fopen(words[2], "wb"))) {
    return 2;
  }
  hostile |= !strcmp(words[1], "judge");
  if (!strcmp(words[1], "follow")) {
    if (count < 4) return 2;
    load(words[3]);
    follow(words + 4, count - 4);
    free(image);
    return fclose(output);
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

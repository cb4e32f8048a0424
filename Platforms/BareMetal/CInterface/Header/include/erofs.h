/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* Compressed EROFS for C firmware. No heap: all that it works in is what it is given here. Not for several threads at
 * once, unless each has a file system of its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call may say. Everything but EROFS_OK and EROFS_END is an error; none of them leaves anything half done. */
typedef enum {
  EROFS_OK = 0,
  EROFS_END = 1,           /* behind the last entry */
  EROFS_CORRUPT = -1,      /* the image breaks a rule of its format */
  EROFS_UNSUPPORTED = -2,  /* the image needs what this reader does not have: see erofs_error_detail */
  EROFS_UNDECODABLE = -3,  /* stored bytes do not decode */
  EROFS_STORAGE = -4,      /* the storage failed: the detail is its own code */
  EROFS_NO_MEMORY = -5,    /* the arena is too small: the detail says how many bytes it takes */
  EROFS_NOT_FOUND = -6,
  EROFS_NOT_A_DIRECTORY = -7,
  EROFS_NOT_A_FILE = -8,
  EROFS_ARGUMENT = -9      /* a null pointer, memory not aligned to 8, an unknown option, nothing mounted */
} erofs_result;

/* Where an image comes from. */
typedef struct {
  /* The image in memory, or NULL where it has to be read. */
  const void *mapped;
  /* Bytes of the image. */
  uint64_t size;
  /* Reads count bytes from offset on, all of them inside the image, to buffer; returns 0, or a code of its own. Not
   * called where the image is mapped. */
  int32_t (*read)(void *context, uint64_t offset, void *buffer, size_t count);
  void *context;
} erofs_storage;

/* A mounted image. The reader's own state lies at the start of its arena: nobody looks into it, and it is not moved. On
 * 32-bit processors it takes about 1 KB with LZ4 alone and 2 KB with all codecs. Zeros are one that is not mounted. */
typedef struct {
  void *state;
  /* Of the last error: see erofs_error_detail and erofs_error_text. */
  uint64_t detail;
  erofs_result result;
  uint8_t what;
} erofs;

/* How an image is mounted; what is wanted is or-ed together. */
typedef enum {
  EROFS_SURVEY = 0,    /* plan all of the image: then no read of any file fails for want of memory */
  EROFS_ROOT_ONLY = 1, /* plan the root only, and each file when it is opened: sooner done where there are many */
  EROFS_DIRECT = 2     /* files are read whole, by one erofs_read each: no part of them takes memory in the arena */
} erofs_options;

/* A file, directory or link that was opened. */
typedef struct {
  uint64_t nid;
  uint64_t size;      /* bytes */
  int64_t mtime;      /* seconds since 1970 */
  uint32_t uid, gid;
  uint16_t mode;      /* type and permissions, as in POSIX */
  uint64_t position;  /* of erofs_read: bytes from the start */
  uint64_t cursor[2]; /* of erofs_readdir */
} erofs_file;

typedef struct {
  uint64_t nid;
  uint8_t type;   /* 1 file, 2 directory, 3 character device, 4 block device, 5 fifo, 6 socket, 7 link */
  char name[256]; /* ends with NUL */
} erofs_entry;

/* Mounts an image. One that is mounted already is forgotten, with all that was opened in it.
 *
 * storage: is copied; what its pointers lead to is used until the file system no longer is.
 * arena: memory that the file system works in, and nobody else until it is no longer used, aligned to 8; bytes: how
 * much.
 * options: of erofs_options, or 0.
 * needed: if not NULL, set to the bytes of arena that it takes: with EROFS_SURVEY for all of the image. With
 * EROFS_NO_MEMORY that is exact too, unless the arena could not even hold what finding it out takes (the state, a few
 * blocks, a record for each level of directories): then it is more than there was, and may not be all yet. */
erofs_result erofs_mount(
    erofs *fs, const erofs_storage *storage, void *arena, size_t bytes, unsigned options, size_t *needed);

/* Opens a path from the root: names with / between them. Links are not followed. EROFS_NO_MEMORY where the arena is too
 * small for this file, which EROFS_SURVEY rules out. */
erofs_result erofs_open(erofs *fs, const char *path, erofs_file *file);

/* Reads on from file->position, which may be set to anything, and moves it; *done says how many bytes: fewer than count
 * only at the end, and 0 behind it. The target of a link is read like a file. After an error nothing in buffer means
 * anything. EROFS_NO_MEMORY where a compressed file was not opened since mounting, or less than all of it is asked for
 * with EROFS_DIRECT: no arena would do for that, and the detail is 0. */
erofs_result erofs_read(erofs *fs, erofs_file *file, void *buffer, size_t count, size_t *done);

/* The next entry of a directory in the order of their names, . and .. left out; EROFS_END behind the last. */
erofs_result erofs_readdir(erofs *fs, erofs_file *directory, erofs_entry *entry);

/* A file's bytes where they lie in a mapped image, to be used or executed in place; *address is NULL where they do not
 * lie there in one piece as they are. */
erofs_result erofs_address(erofs *fs, const erofs_file *file, const void **address);

/* More about the last error of this file system: a byte offset in the image for EROFS_CORRUPT and EROFS_UNDECODABLE;
 * for EROFS_UNSUPPORTED the id of the codec that is missing (0 LZ4, 1 MicroLZMA, 2 DEFLATE, 3 Zstandard), or UINT64_MAX
 * where it is something else; as said above for EROFS_STORAGE and EROFS_NO_MEMORY; 0 for the others. */
uint64_t erofs_error_detail(const erofs *fs);

/* The last error of this file system in words: the rule of the format that the image breaks, why the bytes do not
 * decode, what is missing. Never NULL. 3 KB of text, in programs that call it. */
const char *erofs_error_text(const erofs *fs);

#ifdef __cplusplus
}
#endif

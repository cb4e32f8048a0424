/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* Compressed EROFS for C firmware. There is no heap: it uses only the memory that is passed to it. A file system
 * must not be used by several threads at the same time; each may have a file system of its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Structures are the same for every compiler of a processor, whatever the width of its enumerations and its alignment. */
#if defined(__cplusplus)
#define EROFS_ALIGNED_8 alignas(8)
#elif defined(__GNUC__)
#define EROFS_ALIGNED_8 __attribute__((aligned(8)))
#else
#define EROFS_ALIGNED_8 _Alignas(8)
#endif

/* The result of a call. All but EROFS_OK and EROFS_END are errors. After an error the file
 * system can still be used; after a failed mount it has no image. */
typedef enum {
  EROFS_OK = 0,
  EROFS_END = 1,           /* after the last entry */
  EROFS_CORRUPT = -1,      /* the image breaks a rule of its format */
  EROFS_UNSUPPORTED = -2,  /* the image needs something that this reader does not have: see erofs_error_detail */
  EROFS_UNDECODABLE = -3,  /* stored bytes cannot be decoded */
  EROFS_STORAGE = -4,      /* the storage failed: the detail is the storage's own code */
  EROFS_NO_MEMORY = -5,    /* the arena is too small: the detail is the number of bytes needed */
  EROFS_NOT_FOUND = -6,
  EROFS_NOT_A_DIRECTORY = -7,
  EROFS_NOT_A_FILE = -8,
  EROFS_ARGUMENT = -9,     /* a null pointer, memory not aligned to 8, an unknown option, no image mounted: the detail is the
                            * number of the argument, from 1, or 0 if no image is mounted */
  EROFS_RESULT_WIDTH = INT32_MIN /* no result: 32 bits for compilers with -fshort-enums too */
} erofs_result;

/* The source of an image. */
typedef struct {
  /* The image in memory, or NULL if it must be read. */
  const void *mapped;
  /* Size of the image in bytes. */
  EROFS_ALIGNED_8 uint64_t size;
  /* Reads count bytes at offset to buffer. All of them are inside the image. Returns 0, or an error code of its own.
   * Not called if the image is mapped. The offset, the buffer and count may be any: for a driver that reads whole
   * sectors to aligned addresses only, erofs_sectors.h has a function that does so. */
  int32_t (*read)(void *context, uint64_t offset, void *buffer, size_t count);
  void *context;
} erofs_storage;

/* A mounted image. The state of the reader is at the start of its arena and must not be read, changed or moved. On
 * 32-bit processors it needs about 1 KB with LZ4 alone and 2 KB with all codecs. All zeros means that no image is
 * mounted. */
typedef struct {
  void *state;
  /* The last error: see erofs_error_detail and erofs_error_text. */
  EROFS_ALIGNED_8 uint64_t detail;
  int32_t result; /* an erofs_result */
  uint8_t what;
} erofs;

/* How an image is mounted; options are combined with |. */
typedef enum {
  EROFS_SURVEY = 0,    /* plan the whole image: then no read fails because of too little memory */
  EROFS_ROOT_ONLY = 1, /* plan the root only, and each file when it is opened: faster for images with many files */
  EROFS_DIRECT = 2     /* each file is read by one erofs_read, and needs no memory in the arena for its data */
} erofs_options;

/* An open file, directory or symbolic link. */
typedef struct {
  EROFS_ALIGNED_8 uint64_t nid;
  uint64_t size;      /* bytes */
  int64_t mtime;      /* seconds since 1970 */
  uint32_t uid, gid;
  uint32_t device;    /* of a device: bits 8 to 19 are the major number, 0 to 7 and 20 to 31 the minor one; otherwise 0 */
  uint16_t mode;      /* type and permissions, as in POSIX */
  EROFS_ALIGNED_8 uint64_t position; /* where erofs_read reads next, in bytes from the start */
  uint64_t cursor[2]; /* where erofs_readdir continues */
} erofs_file;

typedef struct {
  EROFS_ALIGNED_8 uint64_t nid;
  uint8_t type;   /* 1 file, 2 directory, 3 character device, 4 block device, 5 fifo, 6 socket, 7 link */
  char name[256]; /* ends with NUL */
} erofs_entry;

/* An extended attribute. */
typedef struct {
  EROFS_ALIGNED_8 uint64_t cursor[2]; /* where erofs_listxattr continues: all zeros for the first one */
  uint32_t size;  /* bytes of its value */
  char name[256]; /* with its prefix ("user.", "security."); ends with NUL */
} erofs_xattr;

/* Stack, in bytes, on a Cortex-M3 with all codecs and an image with LZ4: erofs_mount 3,000, erofs_follow 2,400,
 * erofs_getxattr 1,650, erofs_read 1,550, erofs_listxattr 1,400, erofs_open and erofs_open_entry 1,000, erofs_readdir 700. A call
 * that decodes Zstandard takes up to 1,100 more, one on a 64-bit processor twice as much.
 *
 * Arena: what erofs_mount says, at an address that is divisible by 8; after that no call takes memory from anywhere else.
 * Buffers, paths and mapped images may have any address. No call keeps a pointer but those that erofs_mount was given. */

/* Mounts an image. An image that is mounted already is closed first, and its open files become invalid.
 *
 * An image with extra devices is refused (EROFS_UNSUPPORTED) unless they are in its own file, behind the image.
 *
 * storage: is copied; the memory that its pointers refer to must stay valid as long as the file system is used.
 * arena, bytes: the memory of the file system, aligned to 8, and its size. It must not be used otherwise as long as
 * the file system is used.
 * options: a combination of erofs_options, or 0.
 * needed: if not NULL, set to the number of bytes of arena that are needed: with EROFS_SURVEY, for the whole image.
 * With EROFS_NO_MEMORY the number is exact too, unless the arena is too small even to compute it (that needs the
 * state, a few blocks, and a record for each level of directories): then it is larger than the arena, but may still
 * be too small. */
erofs_result erofs_mount(
    erofs *fs, const erofs_storage *storage, void *arena, size_t bytes, unsigned options, size_t *needed);

/* Opens the file at a path from the root: names with / between them. Symbolic links are not followed. Returns
 * EROFS_NO_MEMORY if the arena is too small for this file; that cannot happen after mounting with EROFS_SURVEY. */
erofs_result erofs_open(erofs *fs, const char *path, erofs_file *file);

/* How erofs_follow takes the last name of a path. */
typedef enum {
  EROFS_FOLLOW_LAST = 0, /* a symbolic link is followed, too */
  EROFS_LAST_LINK = 1    /* a symbolic link is opened itself */
} erofs_following;

/* As erofs_open, but symbolic links are followed, inside the image: its root is theirs. More than 40 of them are
 * EROFS_NOT_FOUND; a target of 4096 bytes or more is EROFS_UNSUPPORTED. A path that ends with / means a directory.
 * options: one of erofs_following. */
erofs_result erofs_follow(erofs *fs, const char *path, erofs_file *file, unsigned options);

/* The same for an entry that erofs_readdir returned, without a path. The entry is not changed; of its members only nid is
 * looked at. */
erofs_result erofs_open_entry(erofs *fs, const erofs_entry *entry, erofs_file *file);

/* Reads count bytes at file->position, which may be set to any value, and advances it. *done is the number of bytes
 * that were read: fewer than count only at the end of the file, 0 after it. The target of a symbolic link is read
 * like a file. After an error the content of buffer is undefined. Returns EROFS_NO_MEMORY with detail 0 if a
 * compressed file was not opened since mounting, or, with EROFS_DIRECT, if count is less than the whole file: a
 * larger arena would not help. */
erofs_result erofs_read(erofs *fs, erofs_file *file, void *buffer, size_t count, size_t *done);

/* The next entry of a directory, in the order of the names, without . and ..; EROFS_END after the last. */
erofs_result erofs_readdir(erofs *fs, erofs_file *directory, erofs_entry *entry);

/* The next extended attribute of a file; EROFS_END after the last. Their order is that of the image. Names of more than
 * 255 bytes, which nobody could ask for, are left out. */
erofs_result erofs_listxattr(erofs *fs, const erofs_file *file, erofs_xattr *xattr);

/* The value of an extended attribute, by its full name. As much of it is copied as the buffer takes; *size is all of it, at
 * most 65,535 bytes. bytes may be 0, and then buffer NULL. EROFS_NOT_FOUND if the file has no such attribute. */
erofs_result erofs_getxattr(
    erofs *fs, const erofs_file *file, const char *name, void *buffer, size_t bytes, size_t *size);

/* The address of a file's bytes in a mapped image, to use or execute them in place. *address is NULL if the file is
 * compressed or not contiguous. */
erofs_result erofs_address(erofs *fs, const erofs_file *file, const void **address);

/* More about the last error of this file system. EROFS_CORRUPT and EROFS_UNDECODABLE: a byte offset in the image.
 * EROFS_UNSUPPORTED: the id of the missing codec (0 LZ4, 1 MicroLZMA, 2 DEFLATE, 3 Zstandard), or UINT64_MAX if
 * something else is missing. EROFS_STORAGE, EROFS_NO_MEMORY and EROFS_ARGUMENT: see above. Otherwise 0. */
uint64_t erofs_error_detail(const erofs *fs);

/* The last error of this file system as text: which rule of the format the image breaks, why the bytes cannot be
 * decoded, or what is missing. Never NULL. Programs that call it contain 3 KB of text. */
const char *erofs_error_text(const erofs *fs);

#ifdef __cplusplus
}
#endif

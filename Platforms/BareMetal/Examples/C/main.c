/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* C firmware that reads its configuration, lists a directory and runs code in place, from the image that it was linked with;
 * then it reads the same image as one reads flash that is not mapped. */

#include "erofs.h"
#include "erofs_sectors.h"
#include "machine.h"

/* All the memory that the file system may use, and what it keeps there. */
static uint64_t arena[16384];
static erofs files;

/* The board's: see Board/CBoard.swift. */
void board_start(void);
void board_write(const void *bytes, size_t count);
_Noreturn void board_exit(uint8_t status);

static void print(const char *text) {
  size_t count = 0;
  while (text[count]) count++;
  board_write(text, count);
}

static void print_number(uint32_t value) {
  char digits[11] = {0};
  size_t at = 10;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  print(digits + at);
}

static void require(erofs_result result, const char *what) {
  if (result == EROFS_OK) return;
  print("failed: ");
  print(what);
  print(": ");
  print(erofs_error_text(&files));
  print(", detail ");
  print_number((uint32_t)erofs_error_detail(&files));
  print("\n");
  board_exit((uint8_t)-result);
}

static void show(const char *path) {
  erofs_file file;
  require(erofs_open(&files, path, &file), path);
  char buffer[100];
  size_t count;
  do {
    require(erofs_read(&files, &file, buffer, sizeof buffer, &count), path);
    board_write(buffer, count);
  } while (count > 0);
}

/* The same with one call, for file systems that only read files whole. */
static void show_whole(const char *path) {
  static char whole[16384];
  erofs_file file;
  size_t count;
  require(erofs_open(&files, path, &file), path);
  require(erofs_read(&files, &file, whole, sizeof whole, &count), path);
  board_write(whole, count);
}

static void list(const char *path) {
  erofs_file directory;
  require(erofs_open(&files, path, &directory), path);
  static erofs_entry entry;
  erofs_result result;
  while ((result = erofs_readdir(&files, &directory, &entry)) == EROFS_OK) {
    erofs_file file;
    require(erofs_open_entry(&files, &entry, &file), entry.name);
    if (file.nid != entry.nid || file.size == 0 || (file.mode & 0170000) != 0100000) board_exit(1);
    print(entry.name);
    print("\n");
  }
  if (result != EROFS_END) require(result, path);
}

/* Where a file lies in mapped flash, or NULL. */
static const void *address(const char *path) {
  erofs_file file;
  const void *bytes;
  require(erofs_open(&files, path, &file), path);
  require(erofs_address(&files, &file, &bytes), path);
  return bytes;
}

/* Machine code that doubles a number. */
#if defined(__thumb__)
static const char code[] = "/code/thumb";
enum { ENTRY = 1 };
#else
static const char code[] = "/code/riscv";
enum { ENTRY = 0 };
#endif

/* Bytes of stack that mounting takes on a Cortex-M3 or M4, as erofs.h has it, with what calls it here. */
enum { MOUNTING_STACK = 3200 };

/* A driver that reads whole sectors, to where DMA can write only. */
enum { SHIFT = 9, SECTOR = 1 << SHIFT, LINE = 32 };

static int32_t read_sector(void *driver, uint64_t sector, void *buffer) {
  const unsigned char *from = (const unsigned char *)driver + (size_t)sector * SECTOR;
  if ((uintptr_t)buffer % LINE) return -1;
  for (size_t i = 0; i < SECTOR; i++) ((unsigned char *)buffer)[i] = from[i];
  return 0;
}

/* A wrong argument is refused by its number. */
static void require_refusal(erofs_result result, uint64_t argument) {
  if (result != EROFS_ARGUMENT || files.result != EROFS_ARGUMENT || erofs_error_detail(&files) != argument) board_exit(1);
}

static void misuse(const erofs_storage *flash) {
  static const erofs_storage nowhere = {.size = 4096};
  erofs_file file;
  require_refusal(erofs_mount(&files, NULL, arena, sizeof arena, EROFS_SURVEY, NULL), 2);
  require_refusal(erofs_mount(&files, &nowhere, arena, sizeof arena, EROFS_SURVEY, NULL), 2);
  require_refusal(erofs_mount(&files, flash, NULL, sizeof arena, EROFS_SURVEY, NULL), 3);
  require_refusal(erofs_mount(&files, flash, (char *)arena + 4, sizeof arena - 8, EROFS_SURVEY, NULL), 3);
  require_refusal(erofs_mount(&files, flash, arena, sizeof arena, 4, NULL), 5);
  require_refusal(erofs_open(&files, "/etc/motd", &file), 0);
  require(erofs_mount(&files, flash, arena, sizeof arena, EROFS_SURVEY, NULL), "mount");
  require_refusal(erofs_open(&files, NULL, &file), 2);
  require_refusal(erofs_open_entry(&files, NULL, &file), 2);
  require_refusal(erofs_open(&files, "/etc/motd", NULL), 3);
  require(erofs_open(&files, "/etc/motd", &file), "open");
  require_refusal(erofs_read(&files, &file, arena, 1, NULL), 5);
}

/* A symbolic link leads to the file, or is one itself; neither has extended attributes. */
static void follow(const char *path, const char *target) {
  erofs_file file, followed, link;
  static erofs_xattr xattr;
  size_t size;
  require(erofs_open(&files, target, &file), target);
  require(erofs_follow(&files, path, &followed, EROFS_FOLLOW_LAST), path);
  require(erofs_follow(&files, path, &link, EROFS_LAST_LINK), path);
  if (followed.nid != file.nid || (link.mode & 0170000) != 0120000) board_exit(1);
  if (erofs_listxattr(&files, &file, &xattr) != EROFS_END) board_exit(1);
  if (erofs_getxattr(&files, &file, "user.none", NULL, 0, &size) != EROFS_NOT_FOUND) board_exit(1);
}

/* In mapped flash. */
static void use(const erofs_storage *flash) {
  size_t needed;
  misuse(flash);
  machine_stack_paint();
  require(erofs_mount(&files, flash, arena, sizeof arena, EROFS_SURVEY, &needed), "mount");
#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)
  if (machine_stack_used() > MOUNTING_STACK) board_exit(1);
#endif
  show("/etc/motd");
  list("/bin");
  follow("/etc/message", "/etc/motd");
  const void *bytes = address(code);
  if (!bytes || ((int (*)(int))((uintptr_t)bytes + ENTRY))(21) != 42) board_exit(1);

  /* With as much memory as it says, and with less, and where each file is read by one call. */
  size_t enough = needed;
  erofs_file file;
  if (erofs_open(&files, "/no/such/file", &file) != EROFS_NOT_FOUND) board_exit(1);
  require(erofs_mount(&files, flash, arena, enough, EROFS_SURVEY, NULL), "mount in little memory");
  show("/etc/motd");
  if (erofs_mount(&files, flash, arena, enough - 1, EROFS_SURVEY, &needed) != EROFS_NO_MEMORY || needed != enough) board_exit(1);
  if (erofs_mount(&files, flash, arena, 64, EROFS_SURVEY, &needed) != EROFS_NO_MEMORY || needed <= 64) board_exit(1);
  if (erofs_open(&files, "/etc/motd", &file) != EROFS_ARGUMENT) board_exit(1);
  require(erofs_mount(&files, flash, arena, sizeof arena, EROFS_ROOT_ONLY | EROFS_DIRECT, &needed), "mount for whole files");
  if (needed >= enough) board_exit(1);
  show_whole("/etc/motd");
  char piece[100];
  size_t count;
  require(erofs_open(&files, "/etc/motd", &file), "open");
  if (erofs_read(&files, &file, piece, sizeof piece, &count) != EROFS_NO_MEMORY || count > 0) board_exit(1);
  if (erofs_error_detail(&files) != 0 || file.position != 0) board_exit(1);

  /* Planned when it is opened: what is missing then is said too. */
  require(erofs_mount(&files, flash, arena, needed, EROFS_ROOT_ONLY, NULL), "mount for the root");
  if (erofs_open(&files, "/etc/motd", &file) != EROFS_NO_MEMORY) board_exit(1);
  enough = (size_t)erofs_error_detail(&files);
  require(erofs_mount(&files, flash, arena, enough, EROFS_ROOT_ONLY, NULL), "mount for the root and a file");
  show("/etc/motd");
}

int main(void) {
  board_start();
  const erofs_storage flash = {.mapped = machine_image(), .size = machine_image_bytes()};
  use(&flash);

  static _Alignas(LINE) unsigned char sector[SECTOR];
  erofs_sectors card = {.read = read_sector, .driver = (void *)flash.mapped, .shift = SHIFT, .buffer = sector};
  const erofs_storage device = {.size = flash.size, .read = erofs_sectors_read, .context = &card};
  require(erofs_mount(&files, &device, arena, sizeof arena, EROFS_SURVEY, NULL), "mount a device");
  show("/etc/motd");
  if (address(code)) board_exit(1);
  board_exit(0);
}

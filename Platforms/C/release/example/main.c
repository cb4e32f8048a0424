/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* Lists and prints what is in the image that it is linked with. Whatever is of a board is in board.h. */

#include "board.h"
#include "erofs.h"

/* The memory of the file system: its state, and for each open file what its codec needs. Too much does no harm, and
 * erofs_mount says how much is needed. */
static uint64_t arena[ARENA_BYTES / 8];
static erofs files;

/* image.S */
extern const unsigned char image_start[], image_end[];

static void print(const char *text) {
  size_t count = 0;
  while (text[count]) count++;
  board_write(text, count);
}

static void print_number(uint32_t value) {
  char digits[11];
  size_t at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  print(digits + at);
}

/* Ends the program if a call failed, and says why. */
static void require(erofs_result result, const char *what) {
  if (result == EROFS_OK) return;
  print(what);
  print(": ");
  print(erofs_error_text(&files));
  print(", detail ");
  print_number((uint32_t)erofs_error_detail(&files));
  print("\n");
  board_exit(1);
}

/* Prints how much stack a call has taken, and gets ready for the next one. */
static void print_stack(const char *call) {
  print("bytes of stack for ");
  print(call);
  print(": ");
  print_number((uint32_t)stack_used());
  print("\n");
  stack_paint();
}

static void show(const char *path) {
  erofs_file file;
  char buffer[64];
  size_t count;
  require(erofs_open(&files, path, &file), path);
  do {
    require(erofs_read(&files, &file, buffer, sizeof buffer, &count), path);
    board_write(buffer, count);
  } while (count > 0);
}

/* A sum of a file's bytes, which is read in small pieces. */
static uint32_t checksum(const char *path) {
  erofs_file file;
  unsigned char buffer[64];
  size_t count;
  uint32_t sum = 0;
  stack_paint();
  require(erofs_open(&files, path, &file), path);
  print_stack("erofs_open");
  do {
    require(erofs_read(&files, &file, buffer, sizeof buffer, &count), path);
    for (size_t i = 0; i < count; i++) sum = sum * 31 + buffer[i];
  } while (count > 0);
  print_stack("erofs_read");
  return sum;
}

int main(void) {
  const erofs_storage flash = {.mapped = image_start, .size = (uint64_t)(image_end - image_start)};
  size_t needed;
  stack_paint();
  require(erofs_mount(&files, &flash, arena, sizeof arena, EROFS_SURVEY, &needed), "mount");
  print_stack("erofs_mount");
  print("bytes of arena: ");
  print_number((uint32_t)needed);
  print("\n");

  erofs_file directory;
  static erofs_entry entry;
  erofs_result result;
  require(erofs_open(&files, "/etc", &directory), "/etc");
  stack_paint();
  while ((result = erofs_readdir(&files, &directory, &entry)) == EROFS_OK) {
    print("/etc/");
    print(entry.name);
    print("\n");
  }
  if (result != EROFS_END) require(result, "/etc");

  show("/etc/motd");
  uint32_t sum = checksum("/data/table");
  print("sum of /data/table: ");
  print_number(sum);
  print("\nall is well\n");
  board_exit(0);
}

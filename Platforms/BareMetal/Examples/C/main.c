/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */

/* C firmware that reads its configuration and lists a directory of the image that it was linked with. */

#include "erofs.h"
#include "machine.h"

/* All the memory that the file system may use. */
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

static void require(erofs_result result, const char *what) {
  if (result == EROFS_OK) return;
  print("failed: ");
  print(what);
  print("\n");
  board_exit((uint8_t)-result);
}

int main(void) {
  board_start();
  const erofs_storage flash = {.mapped = machine_image(), .size = machine_image_bytes()};
  size_t needed = 0;
  require(erofs_mount(&files, &flash, arena, sizeof arena, &needed), "mount");

  erofs_file file;
  require(erofs_open(&files, "/etc/motd", &file), "open");
  char buffer[100];
  size_t count;
  do {
    require(erofs_read(&files, &file, buffer, sizeof buffer, &count), "read");
    board_write(buffer, count);
  } while (count > 0);

  require(erofs_open(&files, "/bin", &file), "open");
  static erofs_entry entry;
  erofs_result result;
  while ((result = erofs_readdir(&files, &file, &entry)) == EROFS_OK) {
    print(entry.name);
    print("\n");
  }
  if (result != EROFS_END) require(result, "readdir");

  if (erofs_open(&files, "/no/such/file", &file) != EROFS_NOT_FOUND) board_exit(1);
  if (erofs_mount(&files, &flash, arena, 64, &needed) != EROFS_NO_MEMORY || needed <= 64) board_exit(1);
  board_exit(0);
}

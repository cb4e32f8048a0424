/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#pragma once

/* For drivers that read whole sectors to aligned addresses only, such as one of SD cards with DMA. The file system asks for any
 * bytes at any address: they are copied from a buffer of one sector, which keeps the last one.
 *
 *   static _Alignas(32) unsigned char buffer[512];
 *   static erofs_sectors card = {.read = card_read, .first = 2048, .shift = 9, .buffer = buffer};
 *   const erofs_storage storage = {.size = image_bytes, .read = erofs_sectors_read, .context = &card};
 *
 * After the card was changed, set `number` to 0 and mount again. */

#include <stddef.h>
#include <stdint.h>

typedef struct {
  /* Reads one sector to `buffer`. Returns 0, or an error code of its own, which erofs_error_detail then tells. */
  int32_t (*read)(void *driver, uint64_t sector, void *buffer);
  void *driver;
  uint64_t first;  /* the sector at which the image starts */
  uint64_t number; /* one more than that of the sector in the buffer; 0 if there is none */
  unsigned shift;  /* log2 of the bytes of a sector: 9 for 512 */
  void *buffer;    /* of a sector, aligned as the driver demands */
} erofs_sectors;

/* The read function of an erofs_storage whose context is an erofs_sectors. */
static inline int32_t erofs_sectors_read(void *context, uint64_t offset, void *buffer, size_t count) {
  erofs_sectors *device = (erofs_sectors *)context;
  unsigned char *to = (unsigned char *)buffer;
  while (count > 0) {
    uint64_t sector = device->first + (offset >> device->shift);
    size_t bytes = (size_t)1 << device->shift, at = (size_t)offset & (bytes - 1), part = bytes - at;
    if (part > count) part = count;
    if (device->number != sector + 1) {
      device->number = 0;
      int32_t error = device->read(device->driver, sector, device->buffer);
      if (error) return error;
      device->number = sector + 1;
    }
    const unsigned char *from = (const unsigned char *)device->buffer + at;
    for (size_t i = 0; i < part; i++) to[i] = from[i];
    to += part;
    offset += part;
    count -= part;
  }
  return 0;
}

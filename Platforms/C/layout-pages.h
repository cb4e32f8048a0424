/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* Where the fields are: the code below was made with these distances. */
#define EROFS_AT(field, narrow, wide) \
	_Static_assert(__builtin_offsetof(struct erofs_pages_request, field) == (sizeof(void *) == 4 ? narrow : wide), \
		       #field " is elsewhere")
EROFS_AT(in, 0, 0);
EROFS_AT(in_offset, 4, 8);
EROFS_AT(in_size, 8, 16);
EROFS_AT(out, 12, 24);
EROFS_AT(out_offset, 16, 32);
EROFS_AT(out_size, 20, 40);
EROFS_AT(memory, 24, 48);
EROFS_AT(memory_size, 28, 56);
EROFS_AT(page_shift, 32, 64);
EROFS_AT(partial, 36, 68);
EROFS_AT(in_place, 40, 72);

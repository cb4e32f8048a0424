/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* Where the fields are: the code below was made with these distances. */
#define EROFS_AT(type, field, narrow, wide) \
	_Static_assert(offsetof(type, field) == (sizeof(void *) == 4 ? narrow : wide), #type "." #field " is elsewhere")
EROFS_AT(erofs_storage, mapped, 0, 0);
EROFS_AT(erofs_storage, size, 8, 8);
EROFS_AT(erofs_storage, read, 16, 16);
EROFS_AT(erofs_storage, context, 20, 24);
EROFS_AT(erofs, state, 0, 0);
EROFS_AT(erofs, detail, 8, 8);
EROFS_AT(erofs, result, 16, 16);
EROFS_AT(erofs, what, 20, 20);
EROFS_AT(erofs_file, nid, 0, 0);
EROFS_AT(erofs_file, size, 8, 8);
EROFS_AT(erofs_file, mtime, 16, 16);
EROFS_AT(erofs_file, uid, 24, 24);
EROFS_AT(erofs_file, gid, 28, 28);
EROFS_AT(erofs_file, device, 32, 32);
EROFS_AT(erofs_file, mode, 36, 36);
EROFS_AT(erofs_file, position, 40, 40);
EROFS_AT(erofs_file, cursor, 48, 48);
EROFS_AT(erofs_entry, nid, 0, 0);
EROFS_AT(erofs_entry, type, 8, 8);
EROFS_AT(erofs_entry, name, 9, 9);
EROFS_AT(erofs_xattr, cursor, 0, 0);
EROFS_AT(erofs_xattr, size, 16, 16);
EROFS_AT(erofs_xattr, name, 20, 20);

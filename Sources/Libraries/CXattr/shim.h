/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* Extended attributes, which the module of the C library leaves out. */
#include <sys/xattr.h>

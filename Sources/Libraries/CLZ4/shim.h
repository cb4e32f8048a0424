/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
#include <lz4.h>
#include <lz4hc.h>

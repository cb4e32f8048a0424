# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# A layer changes nothing by being there: a machine's configuration says SWIFT_EROFS_KERNEL = "1".
inherit ${@'swift-erofs-kernel' if d.getVar('SWIFT_EROFS_KERNEL') == '1' else ''}

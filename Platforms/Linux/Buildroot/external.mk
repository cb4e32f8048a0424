# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# The release folder that this tree is in: it has kernel/erofs-kernel, the decoders as C, and the reader.
SWIFT_EROFS_RELEASE = $(BR2_EXTERNAL_SWIFT_EROFS_PATH)/..

include $(sort $(wildcard $(BR2_EXTERNAL_SWIFT_EROFS_PATH)/package/*/*.mk))
include $(sort $(wildcard $(BR2_EXTERNAL_SWIFT_EROFS_PATH)/fs/*/*.mk))

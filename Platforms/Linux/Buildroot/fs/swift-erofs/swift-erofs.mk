# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
ROOTFS_SWIFT_EROFS_DEPENDENCIES = host-swift-erofs

define ROOTFS_SWIFT_EROFS_CMD
	$(HOST_DIR)/bin/erofs mkfs --quiet $(call qstrip,$(BR2_TARGET_ROOTFS_SWIFT_EROFS_OPTIONS)) $@ $(TARGET_DIR)
endef

$(eval $(rootfs))

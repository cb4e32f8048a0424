# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# For the target the reader in C, of the release folder; for the host the program in Swift, of a checkout.
SWIFT_EROFS_VERSION = local
SWIFT_EROFS_SITE = $(SWIFT_EROFS_RELEASE)
SWIFT_EROFS_SITE_METHOD = local
SWIFT_EROFS_LICENSE = GPL-2.0-or-later or Apache-2.0
SWIFT_EROFS_LICENSE_FILES = LICENSE
SWIFT_EROFS_INSTALL_STAGING = YES
SWIFT_EROFS_INSTALL_TARGET = NO

define SWIFT_EROFS_BUILD_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) CC="$(TARGET_CC)" AR="$(TARGET_AR)" CFLAGS="$(TARGET_CFLAGS)"
endef

define SWIFT_EROFS_INSTALL_STAGING_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) CC="$(TARGET_CC)" AR="$(TARGET_AR)" CFLAGS="$(TARGET_CFLAGS)" \
		DESTDIR=$(STAGING_DIR) PREFIX=/usr install
endef

HOST_SWIFT_EROFS_SITE = $(call qstrip,$(BR2_PACKAGE_HOST_SWIFT_EROFS_CHECKOUT))
HOST_SWIFT_EROFS_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude '.build*'

define HOST_SWIFT_EROFS_BUILD_CMDS
	cd $(@D) && swift build -c release --product erofs --static-swift-stdlib
endef

define HOST_SWIFT_EROFS_INSTALL_CMDS
	$(INSTALL) -D -m 0755 $(@D)/.build/release/erofs $(HOST_DIR)/bin/erofs
endef

$(eval $(generic-package))
$(eval $(host-generic-package))

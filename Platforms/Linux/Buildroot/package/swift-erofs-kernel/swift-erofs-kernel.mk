# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# It has no files of its own in the target: it changes the kernel's source, and then its configuration.
SWIFT_EROFS_KERNEL_LICENSE = GPL-2.0-or-later or Apache-2.0
SWIFT_EROFS_KERNEL_ADD_TOOLCHAIN_DEPENDENCY = NO
SWIFT_EROFS_KERNEL_LEFT_OUT = $(foreach change,$(call qstrip,$(BR2_PACKAGE_SWIFT_EROFS_KERNEL_WITHOUT)),--without $(change))

# In the kernel's folder, after all patches. Where an edit does not fit, nothing is changed, and the build stops with its name.
define SWIFT_EROFS_KERNEL_CHANGE_LINUX
	$(SWIFT_EROFS_RELEASE)/kernel/erofs-kernel install $(SWIFT_EROFS_KERNEL_LEFT_OUT) $(@D)
endef

ifeq ($(BR2_PACKAGE_SWIFT_EROFS_KERNEL),y)
LINUX_POST_PATCH_HOOKS += SWIFT_EROFS_KERNEL_CHANGE_LINUX
endif

define SWIFT_EROFS_KERNEL_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_MISC_FILESYSTEMS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS_ZIP)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS_ZIP_PAGES)
	$(if $(BR2_PACKAGE_SWIFT_EROFS_KERNEL_LZMA),$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS_ZIP_LZMA))
	$(if $(BR2_PACKAGE_SWIFT_EROFS_KERNEL_DEFLATE),$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS_ZIP_DEFLATE))
	$(if $(BR2_PACKAGE_SWIFT_EROFS_KERNEL_ZSTD),$(call KCONFIG_ENABLE_OPT,CONFIG_EROFS_FS_ZIP_ZSTD))
endef

$(eval $(generic-package))

# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# For a recipe of a kernel without an MMU: its source reads compressed EROFS, and that is switched on. Linux 6.1 to 7.2.

FILESEXTRAPATHS:prepend := "${SWIFT_EROFS_RELEASE}/yocto/meta-swift-erofs/recipes-kernel/linux/files:"
SRC_URI:append = " file://swift-erofs.cfg"

# Names of changes that the source has in another form.
SWIFT_EROFS_WITHOUT ?= ""

# Where an edit does not fit, nothing is changed, and the task fails with its name.
do_swift_erofs() {
	for change in ${SWIFT_EROFS_WITHOUT}; do
		set -- "$@" --without "$change"
	done
	"${SWIFT_EROFS_RELEASE}/kernel/erofs-kernel" install "$@" "${S}"
}
addtask swift_erofs after do_patch before do_kernel_configme do_configure

# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
SUMMARY = "Makes, checks and examines EROFS images"
LICENSE = "GPL-2.0-or-later | Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=${SWIFT_EROFS_LICENSE_MD5}"

# A checkout of the project, and the folder of Swift 6.3 with bin/swift: OpenEmbedded has neither.
SWIFT_EROFS_CHECKOUT ?= ""
SWIFT_TOOLCHAIN ?= ""

inherit native externalsrc
EXTERNALSRC = "${SWIFT_EROFS_CHECKOUT}"
EXTERNALSRC_BUILD = "${WORKDIR}/build"

python () {
    for name in ("SWIFT_EROFS_CHECKOUT", "SWIFT_TOOLCHAIN"):
        if not d.getVar(name):
            raise bb.parse.SkipRecipe(f"{name} is not set: swift-erofs-native is compiled by a Swift that you have")
}

# SwiftPM fetches the packages that Package.resolved names.
do_compile[network] = "1"
do_compile() {
	"${SWIFT_TOOLCHAIN}/bin/swift" build -c release --product erofs --static-swift-stdlib \
		--package-path "${S}" --scratch-path "${B}"
}

do_install() {
	install -D -m 0755 "${B}/release/erofs" "${D}${bindir}/erofs"
}

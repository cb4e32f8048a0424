# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
SUMMARY = "Reads compressed EROFS images: a library of one file of C"
LICENSE = "GPL-2.0-or-later | Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=${SWIFT_EROFS_LICENSE_MD5}"

inherit externalsrc
EXTERNALSRC = "${SWIFT_EROFS_RELEASE}"
EXTERNALSRC_BUILD = "${WORKDIR}/build"

do_compile() {
	cp "${S}"/Makefile "${S}"/*.c "${S}"/*.h "${S}"/*.pc "${B}"
	oe_runmake
}

do_install() {
	oe_runmake install PREFIX="${prefix}" DESTDIR="${D}"
}
ALLOW_EMPTY:${PN} = "1"

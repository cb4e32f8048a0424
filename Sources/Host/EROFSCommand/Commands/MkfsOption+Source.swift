// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension MkfsOption {
  /// Those that say what the tree is, and what of it is taken.
  var sourceForm: Form? {
    switch self {
    case .clean:
      Form(
        .source, "clean", optional: "data|rvsp|0",
        """
        If SOURCE is an EROFS image, or several: the image contains the files' contents, instead of referring to those \
        images as its extra devices. All other sources are stored with their contents anyway. With rvsp the image has room \
        for the contents of files, which must not be compressed in images, and gets them later (--block-list-file says \
        where); with 0 they are zeros that take no space.
        """)
    case .incremental:
      Form(
        .source, "incremental", optional: "data|rvsp|0",
        """
        Add SOURCE to IMAGE, which exists: names of SOURCE replace those of the image, directories are merged, whiteouts \
        remove. All data of the image stays where it is in it, and is not compressed again. The options apply to what is \
        added. rvsp and 0 are those of --clean, for what is added.
        """)
    case .list:
      Form(
        .source, nil, "list", "FILE",
        """
        Take the tree from a text, as Linux's gen_init_cpio does, so that owners and devices need no privileges. SOURCE, \
        which may be left out, is then the directory that the places of contents start from.
        """)
    case .cpio:
      Form(
        .source, nil, "cpio",
        help: "SOURCE is a cpio archive of the format newc. A regular file that looks like one is taken so anyway.")
    case .tar:
      Form(
        .source, "tar", optional: "f|i|headerball[,MAP]",
        """
        SOURCE, which may be left out or - for standard input, is a tar archive: of any form, as it is or compressed with \
        gzip, bzip2, xz, lzma, lzip or zstd. The image has all its data with --tar=f, the default. With --tar=i, or 0, it has \
        blocks of 512 bytes and refers to the archive, as it is when it is decompressed, for the contents: as its extra \
        device, or appended to it (Linux 5.16). With i and MAP, the image has room for the contents, and MAP becomes a list \
        of what belongs there, a line for each run of blocks: first block, number of blocks, and byte of the archive, all \
        hexadecimal, and in decimals the zeros with which the last block ends; f writes an empty one. With headerball the \
        archive has headers only, and files are all zeros. A regular file that looks like an archive that is not compressed \
        is taken so anyway.
        """)
    case .whiteouts:
      Form(
        .source, nil, "aufs",
        help: "With --tar: make whiteouts of AUFS and OCI layers (.wh.NAME) those of overlayfs, as images have them.")
    case .overlayStrip:
      Form(
        .source, "ovlfs-strip", optional: "0|1",
        "Leave out what only overlayfs understands: whiteouts, and attributes trusted.overlay.* and user.overlay.*."
      )
    case .tarOrder:
      Form(.source, nil, "sort", "path|none", "Accepted, without effect: files are stored in the order of their paths.")
    case .ungzip, .gzip:
      Form(
        .source, self == .ungzip ? "ungzip" : "gzip", optional: "FILE",
        "With --tar: accepted, because archives are decompressed anyway. With FILE, also write what it decompresses to there."
      )
    case .unxz, .unlzma:
      Form(.source, self == .unxz ? "unxz" : "unlzma", optional: "FILE", "The same as --ungzip.")
    case .gzipIndex:
      Form(
        .source, "gzinfo", optional: "FILE",
        """
        With --tar: accepted, because archives are decompressed anyway. With FILE, also write an index of the gzip file to \
        there (zinfo, version 2, of AWS's SOCI), for programs that decompress it from the middle.
        """)
    case .excludedPath:
      Form(
        .source, nil, "exclude-path", "PATH",
        "Leave out what is at PATH in the tree, and all that is in it. May be repeated.")
    case .excludedPattern:
      Form(
        .source, nil, "exclude-regex", "PATTERN",
        """
        Leave out what has a path, without a slash in front, of which this extended regular expression matches a part. May \
        be repeated.
        """)
    case .excludedPaths:
      Form(.source, nil, "exclude-path-from", "FILE", "Leave out the paths in FILE, one a line.")
    case .excludedPatterns:
      Form(.source, nil, "exclude-regex-from", "FILE", "Leave out what the expressions in FILE match, one a line.")
    case .hardDereference:
      Form(.source, nil, "hard-dereference", help: "Give each name of a file with several an inode of its own.")
    default: nil
    }
  }
}

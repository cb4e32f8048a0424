// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The options of `erofs mkfs` and `mkfs.erofs`: how they are written, and what they do. The parser, the help text and the
/// manual page are all made from this.
enum MkfsOption: Sendable, CaseIterable {
  case algorithms, secondWithin, clusterSize, extentLimit, hints, features, featureBits
  case purpose, machineMemory, imageLimit, searchTime
  case blockSize, chunkSize, blobDevice, dataUnit, sizeUnit, offset, metabox, compressedDirectories, metadataZone
  case order, hotFiles
  case clean, incremental
  case list, cpio, tar, whiteouts, overlayStrip, tarOrder, ungzip, gzip, unxz, unlzma, gzipIndex
  case excludedPath, excludedPattern, excludedPaths, excludedPatterns, hardDereference
  case volumeName, uuid, time, mkfsTime, allTime, clampTime, preserveTime, ignoreTime
  case allRoot, user, group, userOffset, groupOffset
  case fileContexts, ownerTable, mountPoint, productOut, blockList, diskDescriptor
  case attributeThreshold, attributePrefix, rootAttributes, digests
  case workers, memory, noVerify, strict, queueLimit
  case quiet, verbosity, json, progress, noProgress, version, help

  enum Group: String, CaseIterable {
    case source = "Source", compression = "Compression", search = "Search", layout = "Layout"
    case identity = "Names and times", metadata = "Owners and attributes", work = "Work", output = "Output"
  }

  struct Form: Sendable {
    let group: Group
    let short: Character?
    /// Without dashes. Static, because there are programs that look for names of options, with a zero byte at each end, in
    /// this program's file; short strings of other types are not in it as such.
    let long: StaticString?
    let argument: LongOptions.Argument
    /// What the help calls the value.
    let value: String
    let help: String

    fileprivate init(_ group: Group, _ short: Character?, _ long: StaticString?, _ value: String = "", _ help: String) {
      (self.group, self.short, self.long, self.value, self.help) = (group, short, long, value, help)
      argument = value.isEmpty ? .none : .required
    }

    /// A long option whose value may be left out.
    fileprivate init(_ group: Group, _ long: StaticString, optional value: String, _ help: String) {
      (self.group, self.short, self.long, self.value, self.help) = (group, nil, long, value, help)
      argument = .optional
    }
  }

  var form: Form {
    switch self {
    case .algorithms:
      Form(
        .compression, "z", nil, "ALGORITHM",
        """
        Compress files: lz4, lz4hc, lzma, deflate, libdeflate or zstd, followed by parameters, each after a comma: level=N, \
        dictsize=BYTES, and for lzma lc=N, lp=N, pb=N. lz4hc,12 is lz4hc,level=12. More algorithms, which hints choose, \
        follow after colons. Without this option files are not compressed.
        """)
    case .secondWithin:
      Form(
        .compression, nil, "second-within", "PERCENT",
        """
        Use the second algorithm of -z, which should be one that is decoded faster, for all data that it makes at most \
        PERCENT larger than the first does. Files can then have both. Needs two algorithms in -z.
        """)
    case .clusterSize:
      Form(
        .compression, "C", nil, "BYTES",
        "The most bytes of compressed data that are decoded together: whole blocks, up to 1M. (default: one block)")
    case .extentLimit:
      Form(
        .compression, nil, "max-extent-bytes", "BYTES",
        "The most bytes that compressed data decodes to at once, which bounds the memory that readers need.")
    case .hints:
      Form(
        .compression, nil, "compress-hints", "FILE",
        """
        Compress files by their paths. A line of FILE is BYTES [ALGORITHM] PATTERN: the cluster size, or 0 for files that \
        are not compressed; the place of an algorithm in -z, from 0; an extended regular expression for a part of the path \
        without a slash in front. The first line that matches counts.
        """)
    case .features:
      Form(
        .compression, "E", nil, "NAME,...",
        """
        Features, separated by commas, as listed below; ^ in front of a name switches one off. May be repeated. What is named \
        later replaces what it contradicts.
        """)
    case .featureBits:
      Form(
        .compression, nil, "zfeature-bits", "N",
        """
        Features as a sum: 1 legacy-compress, 2 ztailpacking, 4 fragments, 8 all-fragments, 16 dedupe, 32 fragdedupe, \
        64 48bit, 128 dot-omitted.
        """)
    case .purpose:
      Form(
        .search, nil, "for", "PURPOSE",
        """
        Search for the smallest image that serves PURPOSE: nommu, for Linux without an MMU with this project's decoders; \
        bare-metal, for firmware with this project's reader; container, for Linux that reads here and there; archive, for \
        the smallest of all. Trial images decide on -z, -C, --max-extent-bytes, on -b for bare-metal, and on the features \
        that pack files together; -z and -b may limit the search.
        """)
    case .machineMemory:
      Form(
        .search, nil, "ram", "SIZE",
        """
        The image must be readable with so much memory: of bare-metal, the arena of the reader; else all memory of the \
        machine, of which reading may take one sixteenth. K, M, G or T may follow. Without --for, bare-metal below 1M, else \
        nommu.
        """)
    case .imageLimit:
      Form(
        .search, nil, "fit", "SIZE",
        "The image has at most SIZE bytes, and takes as little memory to read as such an image can.")
    case .searchTime:
      Form(.search, nil, "search-time", "SECONDS", "Time for trial images. (default: 60)")
    case .blockSize:
      Form(
        .layout, "b", nil, "BYTES",
        """
        The block size: a power of two from 512 to 64K. (default: 4096, also on machines with larger pages) Linux mounts \
        images whose blocks are no larger than its pages.
        """)
    case .chunkSize:
      Form(
        .layout, nil, "chunksize", "N",
        "Store uncompressed files as chunks of N bytes, of which equal ones are stored once: a power of two.")
    case .blobDevice:
      Form(
        .layout, nil, "blobdev", "FILE",
        """
        Store the chunks of --chunksize, which it needs, in FILE, a file or a block device, which readers then need as the \
        image's extra device (Linux 5.16).
        """)
    case .dataUnit: Form(.layout, nil, "dsunit", "N", "Start the data of uncompressed files at multiples of N blocks.")
    case .sizeUnit: Form(.layout, nil, "fsalignblks", "N", "Make the size of the image a multiple of N blocks.")
    case .offset:
      Form(.layout, nil, "offset", "N", "Leave N bytes in front of the image: a multiple of the block size.")
    case .metabox:
      Form(
        .layout, "m", nil, "BYTES[:ALGORITHM]",
        """
        Compress inodes in clusters of BYTES (Linux 6.17), with an algorithm of their own if one is given, in the form of \
        -z. Needs -z.
        """)
    case .compressedDirectories:
      Form(
        .layout, "zD", optional: "0|1", "Compress the blocks of directories together (Linux 6.1; default: 0). Needs -z."
      )
    case .metadataZone:
      Form(
        .layout, "MZ", optional: "0|id",
        """
        Accepted: inodes (i) and directories (d) are stored together in any case, after all contents, but for the first, \
        which are in the superblock's block.
        """)
    case .order:
      Form(
        .layout, nil, "order", "FILE",
        """
        Store what is read first together, in front of all else: the files whose paths are in FILE, one a line, in that \
        order. A path with blanks is in quotes, or has \\ in front of them. Paths that are not in the tree are a warning.
        """)
    case .hotFiles: Form(.layout, nil, "hot-file-list", "FILE", "The same as --order.")
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
    default: laterForm
    }
  }
}

extension MkfsOption.Form {
  fileprivate init(_ group: MkfsOption.Group, _ short: Character?, _ long: StaticString?, help: String) {
    self.init(group, short, long, "", help)
  }
}

extension MkfsOption {
  /// The options that do not say what is stored, or how.
  private var laterForm: Form {
    switch self {
    case .volumeName: Form(.identity, "L", nil, "NAME", "The name of the volume: up to 16 bytes.")
    case .uuid:
      Form(
        .identity, "U", nil, "UUID",
        """
        The UUID; clear for zeros, random for one that is never the same. (default: from a digest of the image, so that \
        equal images have equal ones)
        """)
    case .time:
      Form(
        .identity, "T", nil, "SECONDS",
        """
        The build time, in seconds since 1970, which all files get too. The environment variable SOURCE_DATE_EPOCH goes \
        before it, and then only files that are newer get that time.
        """)
    case .mkfsTime: Form(.identity, nil, "mkfs-time", help: "-T is the build time only: files keep their times.")
    case .allTime: Form(.identity, nil, "all-time", help: "-T is the time of all files too. (default)")
    case .clampTime: Form(.identity, nil, "clamp-time", help: "With -T: only files that are newer get that time.")
    case .preserveTime: Form(.identity, nil, "preserve-mtime", help: "Keep a time for each file. (default)")
    case .ignoreTime:
      Form(
        .identity, nil, "ignore-mtime",
        help: "All files have the build time, or without -T the latest of their times: smaller inodes.")
    case .allRoot: Form(.metadata, nil, "all-root", help: "All files belong to user 0 and group 0.")
    case .user: Form(.metadata, nil, "force-uid", "N", "All files belong to user N.")
    case .group: Form(.metadata, nil, "force-gid", "N", "All files belong to group N.")
    case .userOffset: Form(.metadata, nil, "uid-offset", "N", "Add N, which may be negative, to all user IDs.")
    case .groupOffset: Form(.metadata, nil, "gid-offset", "N", "Add N, which may be negative, to all group IDs.")
    case .fileContexts:
      Form(
        .metadata, nil, "file-contexts", "FILE",
        "Label files for SELinux as FILE says, a file_contexts in text form. May be repeated.")
    case .ownerTable:
      Form(
        .metadata, nil, "fs-config-file", "FILE",
        "Take owners, modes and capabilities from FILE, as Android's builds make it; each path must be in it.")
    case .mountPoint:
      Form(
        .metadata, nil, "mount-point", "PATH",
        """
        Where the image will be mounted: in front of the paths that --file-contexts and --fs-config-file look up, and of \
        those in --block-list-file.
        """)
    case .productOut:
      Form(.metadata, nil, "product-out", "PATH", "Accepted with --fs-config-file, which leaves nothing for it to do.")
    case .blockList:
      Form(
        .output, nil, "block-list-file", "FILE",
        """
        Write which blocks each file is stored in, as Android's builds read it: a line is the path and, for each run of \
        blocks, FIRST or FIRST-LAST. What is stored beside inodes, or packed with other files, is not in it.
        """)
    case .diskDescriptor:
      Form(
        .output, nil, "vmdk-desc", "FILE",
        """
        Write a descriptor of a virtual disk (VMDK) that consists of the image and the file of --blobdev, which virtual \
        machines then see as one disk.
        """)
    case .attributeThreshold:
      Form(
        .metadata, "x", nil, "N",
        """
        Store an extended attribute once if more than N inodes have it (default: 2); with a negative N, store no \
        extended attributes.
        """)
    case .attributePrefix:
      Form(
        .metadata, nil, "xattr-prefix", "PREFIX",
        "Store this beginning of attributes' names, such as trusted.overlay., only once (Linux 6.4). May be repeated.")
    case .rootAttributes:
      Form(
        .metadata, nil, "root-xattr-isize", "N",
        "Leave room for at least N bytes of extended attributes in the root, for those that are written later.")
    case .digests:
      Form(
        .metadata, "xattr-inode-digest", optional: "NAME",
        """
        Store the SHA-256 of each regular file as an extended attribute (default name: erofs.fingerprint.v1, which is never \
        listed), by which Linux 7.0 shares its page cache between images.
        """)
    case .workers:
      Form(
        .work, nil, "workers", "N",
        "Number of threads, which the image does not depend on. (default: one for each core)")
    case .memory:
      Form(
        .work, nil, "memory", "SIZE",
        "Memory for contents that are being compressed; K, M, G or T may follow. (default: 256M)")
    case .noVerify:
      Form(
        .work, nil, "no-verify",
        help: "Do not read everything back and compare it before the image gets its name.")
    case .strict:
      Form(
        .work, nil, "strict",
        help: """
          Make no image if there is anything to warn of: attributes that cannot be read or that images cannot hold, options \
          without effect.
          """)
    case .queueLimit: Form(.work, nil, "async-queue-limit", "N", "Accepted, without effect.")
    case .quiet: Form(.output, "q", "quiet", help: "Print errors only.")
    case .verbosity:
      Form(.output, "d", nil, "N", "0 and 1 print errors only, 2 to 9 also warnings and a summary. (default: 2)")
    case .json: Form(.output, nil, "json", help: "Print the summary as JSON.")
    case .progress:
      Form(.output, nil, "progress", help: "Show a progress bar. (default: if standard error is a terminal)")
    case .noProgress: Form(.output, nil, "no-progress", help: "Show no progress bar.")
    case .version: Form(.output, "V", "version", help: "Show the version.")
    case .help: Form(.output, "h", "help", help: "Show this help.")
    default: preconditionFailure("an option without a form")
    }
  }

  /// By the names that ``LongOptions`` gives them.
  static let byName: [String: MkfsOption] = {
    var found: [String: MkfsOption] = [:]
    for option in allCases {
      if let short = option.form.short { found["-\(short)"] = option }
      if let long = option.form.long { found["\(long)"] = option }
    }
    return found
  }()

  /// With all that is not supported, so that it can be named.
  static let all: LongOptions = {
    var long: [String: LongOptions.Argument] = [:]
    var short: [Character: LongOptions.Argument] = [:]
    for form in allCases.map(\.form) {
      if let name = form.long { long["\(name)"] = form.argument }
      if let name = form.short { short[name] = form.argument }
    }
    for (name, argument) in MkfsUnsupported.allCases.flatMap(\.options) {
      if name.utf8CodeUnitCount == 1 { short[Character("\(name)")] = argument } else { long["\(name)"] = argument }
    }
    return LongOptions(long: long, short: short)
  }()
}

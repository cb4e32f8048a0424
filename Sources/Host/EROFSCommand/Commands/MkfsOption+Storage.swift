// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension MkfsOption {
  /// Those that say how contents are stored.
  var storageForm: Form? {
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
        Compress files by their paths. A line of FILE is BYTES [ALGORITHM] PATTERN: the cluster size, whole blocks, or 0 \
        for files that are not compressed; the place of an algorithm in -z, from 0; an extended regular expression for a \
        part of the path without a slash in front. The first line that matches counts.
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
        the smallest of all (Linux 6.17). Trial images decide on -z, -C, --max-extent-bytes, on -b for bare-metal, on -m, \
        --zD and 48bit for archive, and on the features that pack files together; -z and -b may limit the search.
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
    default: nil
    }
  }
}

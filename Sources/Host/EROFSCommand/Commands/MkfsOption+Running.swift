// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension MkfsOption {
  /// Those that say how the work is done, and what is said of it.
  var runningForm: Form? {
    switch self {
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
    case .quiet: Form(.output, "q", "quiet", help: "Print errors only.")
    case .verbosity:
      Form(.output, "d", nil, "N", "0 and 1 print errors only, 2 to 9 also warnings and a summary. (default: 2)")
    case .json: Form(.output, nil, "json", help: "Print the summary as JSON.")
    case .progress:
      Form(.output, nil, "progress", help: "Show a progress bar. (default: if standard error is a terminal)")
    case .noProgress: Form(.output, nil, "no-progress", help: "Show no progress bar.")
    case .version: Form(.output, "V", "version", help: "Show the version.")
    case .help: Form(.output, "h", "help", help: "Show this help.")
    default: nil
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension MkfsOption {
  /// Those that say which names, times, owners and attributes an image has.
  var metadataForm: Form? {
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
    case .attributeThreshold:
      Form(
        .metadata, "x", nil, "N",
        """
        Store an extended attribute once if more than N inodes have it (default: 2); with a negative N, store no \
        extended attributes but those of --xattr-inode-digest.
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
    default: nil
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What `-E` switches on, by the names of mkfs.erofs. A `-` in a name may be written `_`.
enum MkfsFeature: String, Sendable, CaseIterable {
  case tailPacking = "ztailpacking"
  case fragments
  case allFragments = "all-fragments"
  case fragmentDedupe = "fragdedupe"
  case dedupe
  case wideAddresses = "48bit"
  case dotOmitted = "dot-omitted"
  case fullIndex = "legacy-compress"
  case inlineData = "inline_data"
  case compactInodes = "force-inode-compact"
  case extendedInodes = "force-inode-extended"
  case blockMap = "force-inode-blockmap"
  case chunkIndexes = "force-chunk-indexes"
  case attributeFilter = "xattr-name-filter"
  case plainPrefixes = "plain-xattr-prefixes"
  case noChecksum = "nosbcrc"

  /// Those that are on if nothing is said of them.
  static let usual: Set<MkfsFeature> = [.inlineData, .attributeFilter]

  /// Those that a number switches on, from its lowest bit.
  static let bits: [MkfsFeature] = [
    .fullIndex, .tailPacking, .fragments, .allFragments, .dedupe, .fragmentDedupe, .wideAddresses, .dotOmitted,
  ]

  init?(name: String) {
    let name = name.replacing("_", with: "-")
    guard let feature = Self.allCases.first(where: { $0.rawValue.replacing("_", with: "-") == name }) else {
      return nil
    }
    self = feature
  }

  /// What a value may be, for the help; empty if there is none.
  var value: String {
    switch self {
    case .fragments, .allFragments: "BYTES"
    case .fragmentDedupe: "inode|full"
    default: ""
    }
  }

  /// Those that say how files are compressed.
  var needsCompression: Bool {
    switch self {
    case .tailPacking, .fragments, .allFragments, .fragmentDedupe, .fullIndex: true
    default: false
    }
  }

  /// Those that a search decides on.
  var isSearched: Bool { needsCompression && self != .fullIndex || self == .dedupe }

  /// The one that it replaces.
  var opposite: MkfsFeature? {
    switch self {
    case .compactInodes: .extendedInodes
    case .extendedInodes: .compactInodes
    case .blockMap: .chunkIndexes
    case .chunkIndexes: .blockMap
    default: nil
    }
  }

  var help: String {
    switch self {
    case .tailPacking: "Store the last part of a file beside its inode if that saves a block (Linux 5.17)."
    case .fragments:
      "Compress the last parts of files together, as clusters of BYTES if that is given (Linux 6.1)."
    case .allFragments:
      """
      Compress all files together: small, but slow to read at random places. Of files over 64 MiB only the last part is \
      there.
      """
    case .fragmentDedupe: "Accepted, without effect."
    case .dedupe:
      """
      Store once what occurs several times (Linux 6.1). Without -z, files are stored as chunks of one block unless \
      --chunksize says otherwise.
      """
    case .wideAddresses:
      "Addresses of 48 bits, and compressed data that may start at any byte (Linux 6.15)."
    case .dotOmitted: "Directories have no entry for themselves (Linux 6.15); implies 48bit."
    case .fullIndex: "Say of each block of a compressed file in 8 bytes where it is, for Linux before 5.3."
    case .inlineData:
      "Store the last bytes of uncompressed files beside their inodes (default); noinline_data, for FSDAX, does not."
    case .compactInodes: "Inodes of 32 bytes; what does not fit in them is an error, except for times, which are lost."
    case .extendedInodes: "Inodes of 64 bytes."
    case .blockMap: "Chunks are listed as 4 bytes each."
    case .chunkIndexes: "Chunks are listed as 8 bytes each."
    case .attributeFilter: "Tell readers which attributes an inode cannot have (Linux 6.6; default)."
    case .plainPrefixes: "Say that the table of --xattr-prefix is not compressed, which it never is (Linux 6.17)."
    case .noChecksum: "The superblock has no checksum."
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder

extension OptionError {
  /// The same by the names of the command line that made `options`.
  func commandText(_ options: BuildOptions) -> String {
    switch self {
    case .needs(let first, let second): "\(first.commandText(options)) needs \(second.commandText(options))"
    case .conflict(let first, let second):
      "\(first.commandText(options)) and \(second.commandText(options)) cannot be used together"
    case .secondEncoding(let place, let count):
      place < count
        ? "--second-within: the second algorithm of -z must be of another format than the first"
        : "--second-within needs a second algorithm in -z, as in -z zstd:lz4"
    default: description
    }
  }
}

extension OptionError.Option {
  fileprivate func commandText(_ options: BuildOptions) -> String {
    let fragments = options.fragments == .all ? MkfsFeature.allFragments : .fragments
    return switch self {
    case .compression: "-z"
    case .clusterSize: "-C"
    case .packedClusterSize: "-E \(fragments.rawValue)=BYTES"
    case .extentLimit: "--max-extent-bytes"
    case .tailPacking: "-E ztailpacking"
    case .fragments: "-E \(fragments.rawValue)"
    case .hints: "--compress-hints"
    case .chunks: "--chunksize"
    case .chunkIndexes: "-E force-chunk-indexes"
    case .blobDevice: "--blobdev"
    case .blockList: "--block-list-file"
    case .encodedExtents, .wideAddresses: "-E 48bit"
    case .devices: "contents that stay in other files"
    case .referred: "a source whose contents stay in it"
    case .dedupe: "-E dedupe"
    case .digests: "--xattr-inode-digest"
    case .omittedDots: "-E dot-omitted"
    case .prefixes: "--xattr-prefix"
    case .base: "--incremental"
    case .offset: "--offset"
    case .otherBlocks: "-b, or -E 48bit, that is not that of the image"
    case .metabox: "-m"
    case .compressedDirectories: "--zD"
    }
  }
}

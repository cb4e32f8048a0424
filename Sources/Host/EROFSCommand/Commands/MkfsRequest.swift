// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders

/// What a command line wants made of what. No file has been looked at: what is read from files is named by its path.
struct MkfsRequest: Sendable {
  enum Source: Sendable {
    /// A directory, or a regular file that is a cpio archive, a tar archive or an image.
    case path(RawArgument)
    /// Several, the lowest layer first.
    case images([RawArgument])
    case cpio(RawArgument)
    /// nil for standard input.
    case tar(RawArgument?)
    /// A text that lists entries, and the directory that the places of contents start from; nil for the current one.
    case list(RawArgument, base: RawArgument?)
  }

  /// An algorithm of `-z`; what it needs may depend on the cluster size, which another option states.
  struct Compression: Sendable, Equatable {
    var algorithm: Encoding.Algorithm
    var level: Int?
    var dictionarySize: Int?
    var lc: Int?
    var lp: Int?
    var pb: Int?
  }

  /// What becomes of the contents of a tar archive.
  enum TarContents: Sendable {
    case stored
    /// They stay in the archive; the image refers to it, or with a map has room for them.
    case referred
    /// The archive has headers only.
    case absent
  }

  /// What --clean or --incremental says of the contents of a source.
  enum CleanContents: String, Sendable {
    case stored = "data"
    case reserved = "rvsp"
    case zeros = "0"
  }

  enum Verbosity: Sendable { case errors, warnings }

  var output: RawArgument
  var source: Source
  /// All but the algorithms, the hints and the order.
  var options = BuildOptions()
  var compressions: [Compression] = []
  var hints: RawArgument?
  var order: RawArgument?
  /// Of -m; nil for the first of -z.
  var metaboxCompression: Compression?
  /// If the compression is to be searched.
  var goal: ImageGoal?

  /// Whether the output is an image to which the source is added.
  var addsToImage = false

  /// All but what comes from files.
  var edits = TreeEdits()
  /// Of a tar archive.
  var convertsWhiteouts = false
  /// Of a tar archive.
  var tarContents = TarContents.stored
  /// What an image that gets its contents later is to get.
  var map: RawArgument?
  /// nil for what is usual for the source: images are referred to, and all else is stored.
  var contents: CleanContents?

  /// What is in the place of contents that the image has not, and the option that wants it.
  var omission: (rest: OmittedContents, option: String)? {
    guard let contents, contents != .stored else { return nil }
    let option = "--\(addsToImage ? "incremental" : "clean")=\(contents.rawValue)"
    return (contents == .reserved ? .room : .zeros, option)
  }

  /// Whether -b was given.
  var hasBlockSize = false
  /// Where a tar archive is written as it is when it is decompressed.
  var plainTar: RawArgument?
  /// Where the index of an archive that is compressed with gzip goes.
  var gzipIndex: RawArgument?
  var excludedPaths: [RawArgument] = []
  var excludedPatterns: [RawArgument] = []
  var fileContexts: [RawArgument] = []
  var ownerTable: RawArgument?
  var mountPoint: [UInt8] = []
  var blockList: RawArgument?
  var diskDescriptor: RawArgument?
  var blobDevice: RawArgument?

  var isQuiet = false
  var verbosity = Verbosity.warnings
  var isJSON = false
  var isStrict = false
  var showsProgress: Bool?
  /// What the command line has that does nothing, in sentences.
  var warnings: [String] = []

  /// Whether a summary and warnings are wanted.
  var reports: Bool { !isQuiet && verbosity == .warnings }

  init(output: RawArgument, source: Source) {
    self.output = output
    self.source = source
  }

  /// Whether an option changes what the source has.
  var changesTree: Bool {
    !excludedPaths.isEmpty || !excludedPatterns.isEmpty || !fileContexts.isEmpty || ownerTable != nil
      || edits.separatesHardLinks || edits.owners != OwnerRule() || edits.attributes != .keep
      || !edits.exclusions.isEmpty
  }

  /// The options with their algorithms, checked.
  ///
  /// - Parameters:
  ///   - hints: as read from the file that ``hints`` names.
  ///   - order: as read from the file that ``order`` names.
  /// - Throws: `EncodingError`, `OptionError`.
  func buildOptions(hints: CompressHints? = nil, order: FileOrder? = nil) throws -> BuildOptions {
    var options = options
    options.hints = hints
    options.order = order
    if let box = options.metabox, let compression = metaboxCompression {
      options.metabox?.encoding = try compression.encoding(clusterSize: box.clusterSize)
    }
    if goal != nil {
      // Some options need compression; the search replaces this one.
      options.encodings = [try Encoding(.lz4)]
      try options.check()
      return options
    }
    let sizes =
      [options.clusterSize ?? options.blockSize, options.packedClusterSize ?? 0]
      + (hints?.hints.map { Int($0.pclusterBytes) } ?? [])
    let largest = sizes.max() ?? options.blockSize
    options.encodings = try compressions.map { try $0.encoding(clusterSize: largest) }
    try options.check()
    return options
  }
}

extension MkfsRequest.Compression {
  fileprivate func encoding(clusterSize: Int) throws(EncodingError) -> Encoding {
    var context = Encoding.LZMAContext.standard
    if lc != nil || lp != nil || pb != nil {
      context = try Encoding.LZMAContext(lc: lc ?? context.lc, lp: lp ?? context.lp, pb: pb ?? context.pb)
      // Also if what was given is the standard.
      if algorithm != .lzma { throw .contextWithout(algorithm) }
    }
    return try Encoding(
      algorithm, level: level, dictionarySize: dictionarySize, clusterSize: clusterSize, context: context)
  }
}

extension MkfsRequest {
  /// Linux (6.18, 7.2) checks the number of blocks before it knows the block size of the image: it allows as many as 1 MiB
  /// has pages.
  func warningOfLargeClusters(hints: CompressHints? = nil) -> String? {
    let algorithms = (compressions + [metaboxCompression].compactMap { $0 }).map(\.algorithm)
    guard algorithms.contains(where: { [.lz4, .lz4hc].contains($0) }) else { return nil }
    let sizes =
      [options.clusterSize, options.packedClusterSize, options.metabox?.clusterSize].compactMap { $0 }
      + (hints?.hints.map { Int($0.pclusterBytes) } ?? [])
    let most = options.blockSize << 8
    guard let size = sizes.max(), size > most else { return nil }
    return
      "Linux (6.18, 7.2) does not mount images with LZ4 that have clusters of more than 256 blocks, here \(most) bytes"
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Encoders

/// What an image is for; ``ImageSearch`` finds the options that serve it best.
///
/// Without ``imageBytes``, the smallest image that can be read in ``memory`` is wanted; with it, the one that takes the least
/// memory among those that are no larger.
public struct ImageGoal: Sendable {
  /// Who reads the image.
  public enum Purpose: String, Sendable, CaseIterable {
    /// Linux without an MMU, with this project's decoders.
    case noMMU = "nommu"
    /// Firmware without an operating system, with this project's reader.
    case bareMetal = "bare-metal"
    /// Linux with an MMU, which reads here and there all the time: extents that decode fast and are not long.
    case container
    /// Whoever reads all of it once: nothing counts but its size.
    case archive
  }

  public var purpose: Purpose
  /// Bytes: of ``Purpose/noMMU`` and ``Purpose/container``, all memory of the machine, of which reading may take a part (see
  /// ``readerMemory``); of ``Purpose/bareMetal``, the memory that is given to the reader.
  public var memory: UInt64?
  /// Bytes that the image may have.
  public var imageBytes: UInt64?
  /// Those that may be used; nil for all that suit the purpose.
  public var algorithms: [Encoding.Algorithm]?
  /// nil for all that suit the purpose.
  public var blockSize: Int?
  /// Seconds that the search may take, the image itself not counted. At least one image is tried.
  public var seconds = 60.0

  public init(_ purpose: Purpose) { self.purpose = purpose }

  /// Linux needs memory for many other things: what reads files may take one sixteenth. On a machine of 3,584 KiB that is 224
  /// KiB, with which LZMA roots booted every time; extents that needed 400 KiB ran out of memory in one boot of 63.
  static let shareOfMachine: UInt64 = 16

  /// What reading may take.
  public var readerMemory: MemoryLimit? {
    guard let memory else { return nil }
    return purpose == .bareMetal
      ? MemoryLimit(.firmware, bytes: memory) : MemoryLimit(.linux, bytes: memory / Self.shareOfMachine)
  }

  var reader: MemoryLimit.Reader { purpose == .bareMetal ? .firmware : .linux }

  // MARK: What is tried

  var encodings: [Encoding.Algorithm] {
    if let algorithms { return algorithms }
    // Both of these decode slowly for one page of many.
    return purpose == .container ? [.zstd, .lz4hc] : [.lzma, .zstd, .libdeflate, .lz4hc]
  }

  var blockSizes: [Int] {
    if let blockSize { return [blockSize] }
    return purpose == .bareMetal ? [4096, 1024, 512] : [4096]
  }

  var largestCluster: Int { purpose == .container ? 65536 : 1 << 20 }

  /// Whether metadata may be compressed too, which only new readers know.
  var triesCompressedMetadata: Bool { purpose == .archive }

  var packings: [ImageCandidate.Packing] {
    purpose == .container ? [.none, .tails, .fragments] : ImageCandidate.Packing.allCases
  }
}

/// The options that a search varies.
public struct ImageCandidate: Sendable, Hashable {
  enum Packing: Sendable, Hashable, CaseIterable { case none, tails, fragments, all }

  var algorithm: Encoding.Algorithm
  var blockSize: Int
  var clusterSize: Int
  /// nil for no limit.
  var extentLimit: Int?
  var packing: Packing
  var dedupes: Bool
  /// Inodes in a metabox, directories in the packed inode, and encoded extents (Linux 6.17).
  var compressesMetadata = false
  /// Of LZMA: with fewer bits of context it needs smaller tables, and makes a little larger images.
  var contextBits = 3

  /// Bytes; larger ones make a little smaller images.
  private static let metaboxCluster = 65_536

  private var level: Int {
    switch algorithm {
    case .lz4: 0
    case .lz4hc, .libdeflate: 12
    case .lzma, .deflate: 9
    case .zstd: 22
    }
  }

  /// `base` with these.
  func options(_ base: BuildOptions) throws -> BuildOptions {
    var options = base
    let context = try Encoding.LZMAContext(lc: contextBits)
    options.encodings = [
      try Encoding(
        algorithm, level: algorithm == .lz4 ? nil : level, clusterSize: clusterSize, context: context)
    ]
    (options.blockSize, options.clusterSize, options.extentLimit) = (blockSize, clusterSize, extentLimit)
    options.packsTails = packing == .tails
    options.fragments = packing == .fragments ? .tails : packing == .all ? .all : .none
    options.dedupes = dedupes
    if compressesMetadata {
      (options.wideAddresses, options.index, options.compressesDirectories) = (true, .encoded, true)
      options.metabox = BuildOptions.Metabox(clusterSize: Self.metaboxCluster)
    }
    // Encoded extents have no tail that is packed.
    if packing == .tails, options.index == .encoded { options.index = .compact }
    try options.check()
    return options
  }

  /// As options of `erofs mkfs`.
  public var arguments: [String] {
    var algorithm = "-z\(self.algorithm.rawValue)"
    if self.algorithm != .lz4 { algorithm += ",level=\(level)" }
    if contextBits != 3 { algorithm += ",lc=\(contextBits)" }
    var arguments = [algorithm, "-b\(blockSize)", "-C\(clusterSize)"]
    if let extentLimit { arguments.append("--max-extent-bytes=\(extentLimit)") }
    var features: [String] = []
    switch packing {
    case .none: break
    case .tails: features.append("ztailpacking")
    case .fragments: features.append("fragments")
    case .all: features.append("all-fragments")
    }
    if dedupes { features.append("dedupe") }
    if compressesMetadata {
      features.append("48bit")
      arguments += ["-m\(Self.metaboxCluster)", "--zD"]
    }
    if !features.isEmpty { arguments.append("-E\(features.joined(separator: ","))") }
    return arguments
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders

/// What is to be done with each regular file: the options, and hints for some.
struct Treatments {
  private(set) var largestCluster: Int
  private let standard: ContentJob.Treatment
  private var special: [Int: ContentJob.Treatment] = [:]
  /// Larger files are not packed whole: nothing of them would be compressed together with others but the ends.
  private static let largestPacked: UInt64 = 64 << 20

  init(_ build: BuildContext) {
    standard = Self.treatment(build, hint: nil)
    largestCluster = build.options.cluster
    if standard.kind == .packed {
      for file in 0..<build.order.count where build.size(of: file) > Self.largestPacked {
        special[file] = Self.compressed(build, hint: nil)
      }
    }
    guard let hints = build.options.hints else { return }
    for file in 0..<build.order.count where build.size(of: file) > 0 {
      guard let hint = hints.hint(for: build.path(of: file)) else { continue }
      var treatment = Self.treatment(build, hint: hint)
      if treatment.kind == .packed, special[file] != nil { treatment = Self.compressed(build, hint: hint) }
      special[file] = treatment
      largestCluster = max(largestCluster, treatment.clusterSize)
    }
  }

  subscript(file: Int) -> ContentJob.Treatment { special[file] ?? standard }

  private static func treatment(_ build: BuildContext, hint: CompressHints.Hint?) -> ContentJob.Treatment {
    let options = build.options
    var plain = ContentJob.Treatment(kind: .plain)
    if options.inlinesData { plain.tail = build.inlineTail }
    if let chunkSize = options.chunkSize { return ContentJob.Treatment(kind: .chunked, clusterSize: chunkSize) }
    guard options.isCompressed, hint?.pclusterBytes != 0 else { return plain }
    if options.fragments == .all { return ContentJob.Treatment(kind: .packed) }
    return compressed(build, hint: hint)
  }

  private static func compressed(_ build: BuildContext, hint: CompressHints.Hint?) -> ContentJob.Treatment {
    let options = build.options
    var treatment = ContentJob.Treatment(kind: .compressed, clusterSize: options.cluster)
    if let hint {
      treatment.encoding = hint.algorithm
      treatment.clusterSize = Int(hint.pclusterBytes)
    }
    treatment.second = options.second(beside: treatment.encoding)
    if options.fragments != .none {
      treatment.tail = .packed
    } else if options.packsTails {
      treatment.tail = build.inlineTail
    }
    return treatment
  }
}

extension BuildOptions {
  /// The most stored bytes of an extent. Linux has room for as many blocks of LZ4 as an image announces, up to 1 MiB; extents
  /// that begin inside a block are in one block more.
  func encodedCluster(_ treatment: ContentJob.Treatment) -> Int {
    let encodings = [treatment.encoding, treatment.second ?? treatment.encoding].map { encoding(at: $0) }
    let isLZ4 = encodings.contains { $0.algorithm.format == Encoding.Algorithm.lz4.format }
    guard isLZ4, index == .encoded else { return treatment.clusterSize }
    return min(treatment.clusterSize, Encoder.largestCluster - blockSize)
  }

  /// Place of the second encoding of files whose first one is at `place`; nil if it is of the same format, of which a file's
  /// data does not say more.
  func second(beside place: Int) -> Int? {
    guard let second = secondEncoding?.place else { return nil }
    return encodings[second].algorithm.format == encodings[place].algorithm.format ? nil : second
  }
}

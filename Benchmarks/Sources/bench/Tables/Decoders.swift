// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Codecs
import PageVectors

/// Our decoders against the C libraries: contiguous, and over page frames that are scattered and cold.
enum DecodersTable: Table {
  static let name = "decoders"
  static let summary = "speed of the decoders against liblz4, liblzma, libdeflate and libzstd"

  static let extentSize = Corpus.blockSize
  /// Extents that are decoded between two looks at the clock.
  static let extentsInSlice = 16

  static func report(_ settings: Settings) throws -> Report {
    let corpus = try Corpus(
      tree: settings.peers.map { $0 + "/tree" }, limit: settings.isQuick ? 1 << 20 : 16 << 20)
    let rounds = settings.isQuick ? 2 : 11
    let seconds = settings.isQuick ? 0.005 : 0.15
    let versions = settings.versions
    let columns = ["codec", "extent", "stored/decoded", "Swift MB/s", "C MB/s", "Swift/C", "5 %", "95 %", "against"]
    var contiguous = Report.Section(
      title: "contiguous, speed of Swift against C (1 is as fast, more is faster)", columns: columns)
    var scattered = Report.Section(
      title: "scattered over cold 4 KiB frames; C decodes contiguously and copies (input too: copies in first)",
      columns: columns)
    let pool = FramePool(bytes: settings.isQuick ? 16 << 20 : 256 << 20)

    for (codec, type) in decoders where settings.codec == nil || settings.codec == codec {
      for size in codec == .lz4 ? [extentSize, 4096] : [extentSize] {
        let work = Workload(codec, corpus.blocks, extentSize: size)
        let swift = type.make(work)
        let peer = CDecoding(work, codec: codec)
        try work.verify(codec, swift: swift, peer: peer, pool: pool)
        let library = codec == .deflate ? "libdeflate \(versions["libdeflate0"] ?? "")" : codec.library

        func row(_ paired: Paired, _ what: String) -> [Report.Cell] {
          let bytes = Double(work.decodedBytes) / 1e6
          return [
            .text(codec.rawValue), .text(what),
            .number(Double(work.stored.count) / Double(work.decodedBytes), digits: 3),
            .number(bytes / paired.second.median, digits: 0), .number(bytes / paired.first.median, digits: 0),
            .number(paired.ratios.median, digits: 3), .number(paired.ratios.quantile(0.05), digits: 3),
            .number(paired.ratios.quantile(0.95), digits: 3), .text(library),
          ]
        }
        func measure(_ first: (Range<Int>) -> Void, _ second: (Range<Int>) -> Void) -> Paired {
          Paired.measure(
            slices: work.slices.count, rounds: rounds, seconds: seconds, first: { first(work.slices[$0]) },
            second: { second(work.slices[$0]) })
        }
        let label = "\(size / 1024) KiB"
        contiguous.rows.append(row(measure(peer.contiguous, swift.contiguous), label))
        scattered.rows.append(
          row(measure({ peer.bounced($0, pool: pool) }, { swift.scattered($0, pool: pool) }), label))
        scattered.rows.append(
          row(
            measure({ peer.bouncedBothWays($0, pool: pool) }, { swift.scatteredBothWays($0, pool: pool) }),
            label + ", input too"))
      }
    }
    return Report(
      name: name, sections: [contiguous, scattered],
      method: [
        "data: \(corpus.description); extents that do not shrink are left out",
        "levels: " + decoders.map { "\($0.0.rawValue) \($0.0.defaultLevel)" }.joined(separator: ", ")
          + " (mkfs.erofs's defaults; LZ4 by lz4hc, DEFLATE by libdeflate)",
        "C libraries: "
          + (versions.isEmpty
            ? "this system's own, NOT the newest"
            : versions.filter { $0.key.hasPrefix("lib") }.map { "\($0.key) \($0.value)" }.sorted()
              .joined(separator: ", ")),
        "thread CPU time in one process, both checked against the data first; \(rounds) rounds, in each of which slices "
          + "of \(extentsInSlice) extents go to both in alternating order; MB/s and Swift/C are medians over the rounds, "
          + "5 % and 95 % quantiles of the rounds' ratios",
        "Swift: -O, state and output made once and used for all extents; C: the same, its context kept between extents",
        "frames: \(pool.bytes >> 20) MiB of 4 KiB frames, used in random order, so that none is in a cache when its turn "
          + "comes",
      ])
  }
}

/// Extents of one codec, encoded, one behind the other.
final class Workload {
  struct Extent {
    var storedAt: Int
    var storedCount: Int
    var decodedAt: Int
    var decodedCount: Int
  }
  let extentSize: Int
  private(set) var extents: [Extent] = []
  private(set) var stored: [UInt8] = []
  private(set) var decoded: [UInt8] = []
  var decodedBytes: Int { decoded.count }
  /// Ranges of extents.
  private(set) var slices: [Range<Int>] = []

  init(_ codec: CodecPeer, _ blocks: [[UInt8]], extentSize: Int) {
    self.extentSize = extentSize
    for block in blocks {
      for start in stride(from: 0, to: block.count, by: extentSize) {
        let bytes = Array(block[start..<min(start + extentSize, block.count)])
        let stream = codec.compress(bytes)
        guard stream.count < bytes.count else { continue }
        extents.append(
          Extent(
            storedAt: stored.count, storedCount: stream.count, decodedAt: decoded.count, decodedCount: bytes.count))
        stored += stream
        decoded += bytes
      }
    }
    let inSlice = DecodersTable.extentsInSlice * (Corpus.blockSize / extentSize)
    slices = stride(from: 0, to: extents.count, by: inSlice).map { $0..<min($0 + inSlice, extents.count) }
  }

  /// Every extent, by every way that is measured, gives the data back.
  func verify(_ codec: CodecPeer, swift: any SwiftDecoding, peer: CDecoding, pool: FramePool) throws {
    for (i, extent) in extents.enumerated() {
      let expected = decoded[extent.decodedAt..<extent.decodedAt + extent.decodedCount]
      func check(_ way: String, _ bytes: [UInt8]) throws {
        guard expected.elementsEqual(bytes) else { throw BenchError("\(codec): \(way) decodes extent \(i) wrongly") }
      }
      let one = i..<i + 1
      peer.contiguous(one)
      try check("C", peer.bytes(extent))
      swift.contiguous(one)
      try check("Swift", swift.bytes(extent))
      for (way, run) in [
        ("C with a bounce copy", { peer.bounced(one, pool: pool) }),
        ("Swift over frames", { swift.scattered(one, pool: pool) }),
        ("C with bounce copies", { peer.bouncedBothWays(one, pool: pool) }),
        ("Swift over frames both ways", { swift.scatteredBothWays(one, pool: pool) }),
      ] {
        run()
        try check(way, pool.last(extent.decodedCount))
      }
    }
  }
}

/// Page frames in random order, handed out one after the other and then again from the first.
final class FramePool {
  static let shift = 12
  let bytes: Int
  private let memory: UnsafeMutableRawPointer
  private let frames: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let count: Int
  private var next = 0
  private var lastTaken = 0

  init(bytes: Int) {
    self.bytes = bytes
    count = bytes >> Self.shift
    memory = .allocate(byteCount: bytes, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: bytes)
    frames = .allocate(capacity: count)
    var state: UInt64 = 7
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      order.swapAt(i, Int(state >> 33) % (i + 1))
    }
    for i in 0..<count { (frames + i).initialize(to: memory + (order[i] << Self.shift)) }
  }

  deinit {
    frames.deallocate()
    memory.deallocate()
  }

  /// Frames for `length` bytes.
  func take(_ length: Int) -> UnsafeMutablePointer<UnsafeMutableRawPointer> {
    let needed = (length + 4095) >> Self.shift
    if next + needed > count { next = 0 }
    lastTaken = next
    next += needed
    return frames + lastTaken
  }

  /// The first bytes of the frames that were taken last.
  func last(_ length: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      let vector = PageVector(unsafeFrames: UnsafePointer(frames + lastTaken), pageShift: Self.shift, count: length)
      count = vector.copyBytes(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// Copies contiguous bytes to frames, page by page.
  @inline(__always)
  static func copy(
    _ from: UnsafeRawPointer, to frames: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ length: Int
  ) {
    var at = 0
    while at < length {
      frames[at >> shift].copyMemory(from: from + at, byteCount: min(4096, length - at))
      at += 4096
    }
  }

  /// Copies the bytes of frames together.
  @inline(__always)
  static func copy(
    from frames: UnsafeMutablePointer<UnsafeMutableRawPointer>, to: UnsafeMutableRawPointer, _ length: Int
  ) {
    var at = 0
    while at < length {
      (to + at).copyMemory(from: frames[at >> shift], byteCount: min(4096, length - at))
      at += 4096
    }
  }
}

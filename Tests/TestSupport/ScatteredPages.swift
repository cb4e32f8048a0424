// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Page frames in random order, none next to its neighbour, with guard bytes around each: what a page vector looks like
/// on a machine whose memory is fragmented, and a witness of any write outside.
public final class ScatteredPages {
  public let pageShift: Int
  public let offset: Int
  public let count: Int
  private let pool: UnsafeMutableRawPointer
  private let poolSize: Int
  private let frames: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let frameCount: Int
  private static let guardByte: UInt8 = 0xA5
  private static let guardSize = 64

  /// - Parameters:
  ///   - count: bytes of the vector, which starts `offset` bytes into its first frame.
  ///   - seed: picks the order of the frames.
  public init(count: Int, pageShift: Int = 12, offset: Int = 0, seed: UInt64 = 1) {
    self.count = count
    self.pageShift = pageShift
    self.offset = offset
    let page = 1 << pageShift
    frameCount = max(1, (offset + count + page - 1) / page)
    let stride = page + Self.guardSize
    poolSize = frameCount * stride + Self.guardSize
    pool = .allocate(byteCount: poolSize, alignment: 4096)
    pool.initializeMemory(as: UInt8.self, repeating: Self.guardByte, count: poolSize)
    var generator = SplitMix64(seed: seed)
    let order = Array(0..<frameCount).shuffled(using: &generator)
    frames = .allocate(capacity: frameCount)
    for i in 0..<frameCount {
      frames.advanced(by: i).initialize(to: pool + (Self.guardSize + order[i] * stride))
    }
  }

  /// A vector that holds `bytes`.
  public convenience init(_ bytes: some Collection<UInt8>, pageShift: Int = 12, offset: Int = 0, seed: UInt64 = 1) {
    self.init(count: bytes.count, pageShift: pageShift, offset: offset, seed: seed)
    for (i, byte) in bytes.enumerated() { vector.set(byte, at: i) }
  }

  deinit {
    frames.deallocate()
    pool.deallocate()
  }

  public var vector: MutablePageVector {
    MutablePageVector(unsafeFrames: frames, pageShift: pageShift, offset: offset, count: count)
  }

  /// The vector's bytes, gathered.
  public var bytes: [UInt8] { vector.readOnly.gathered }

  /// Whether every byte of the pool that is not the vector's is as it was made.
  public var guardsAreIntact: Bool {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: poolSize, alignment: 16)
    defer { copy.deallocate() }
    copy.copyMemory(from: UnsafeRawBufferPointer(start: pool, count: poolSize))
    vector.readOnly.forEachRun { run in
      let start = run.baseAddress! - UnsafeRawPointer(pool)
      (copy.baseAddress! + start).initializeMemory(as: UInt8.self, repeating: Self.guardByte, count: run.count)
    }
    // Word by word, because debug builds check megabytes here.
    let word = UInt64(Self.guardByte) * 0x0101_0101_0101_0101
    var i = 0
    while i + 8 <= poolSize {
      if copy.loadUnaligned(fromByteOffset: i, as: UInt64.self) != word { return false }
      i += 8
    }
    return copy[i...].allSatisfy { $0 == Self.guardByte }
  }
}

extension PageVector {
  /// The vector's bytes in an array.
  public var gathered: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = copyBytes(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }
}

/// A small generator that gives the same numbers for the same seed everywhere.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

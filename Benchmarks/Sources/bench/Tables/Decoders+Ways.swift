// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Codecs
import PageVectors

/// The stored bytes of a workload, contiguous and over scattered frames, and memory to decode into.
class Buffers {
  let work: Workload
  let stored: UnsafeMutableRawPointer
  let output: UnsafeMutableRawPointer
  /// Frames of all stored extents, each extent starting a frame of its own.
  let storedFrames: FramePool
  let framesOfExtent: [UnsafeMutablePointer<UnsafeMutableRawPointer>]

  init(_ work: Workload) {
    self.work = work
    let stored = UnsafeMutableRawPointer.allocate(byteCount: max(1, work.stored.count), alignment: 4096)
    UnsafeMutableRawBufferPointer(start: stored, count: work.stored.count).copyBytes(from: work.stored)
    self.stored = stored
    output = .allocate(byteCount: work.extentSize, alignment: 4096)
    output.initializeMemory(as: UInt8.self, repeating: 0, count: work.extentSize)
    let frames = work.extents.reduce(0) { $0 + ($1.storedCount + 4095) >> 12 }
    let pool = FramePool(bytes: frames << 12)
    storedFrames = pool
    framesOfExtent = work.extents.map {
      let frames = pool.take($0.storedCount)
      FramePool.copy(stored + $0.storedAt, to: frames, $0.storedCount)
      return frames
    }
  }

  deinit {
    stored.deallocate()
    output.deallocate()
  }

  /// What lies in the output after an extent was decoded into it.
  func bytes(_ extent: Workload.Extent) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: output, count: extent.decodedCount))
  }
}

/// What is measured of a Swift decoder.
protocol SwiftDecoding {
  static func make(_ work: Workload) -> any SwiftDecoding
  func contiguous(_ extents: Range<Int>)
  /// Into frames of the pool.
  func scattered(_ extents: Range<Int>, pool: FramePool)
  /// From frames into frames.
  func scatteredBothWays(_ extents: Range<Int>, pool: FramePool)
  func bytes(_ extent: Workload.Extent) -> [UInt8]
}

final class SwiftDecoder<Codec: Decoder & ~Copyable>: Buffers, SwiftDecoding {
  /// More than any decoder's working memory at any setting.
  private let memory = WorkingMemory(
    unsafeStart: .allocate(byteCount: 1 << 20, alignment: 64), count: 1 << 20)

  static func make(_ work: Workload) -> any SwiftDecoding { SwiftDecoder(work) }

  @inline(__always)
  private func decode(_ extent: Workload.Extent, _ input: PageVector, _ output: MutablePageVector) {
    do {
      var decoder = try Codec(input: input, output: output, length: extent.decodedCount, memory: memory)
      try decoder.decode(to: extent.decodedCount)
      try decoder.finish()
    } catch {
      fatalError("\(Codec.self): \(error)")
    }
  }

  func contiguous(_ extents: Range<Int>) {
    for i in extents {
      let extent = work.extents[i]
      decode(
        extent, PageVector(unsafeContiguous: stored + extent.storedAt, count: extent.storedCount),
        MutablePageVector(unsafeContiguous: output, count: extent.decodedCount))
    }
  }

  func scattered(_ extents: Range<Int>, pool: FramePool) {
    for i in extents {
      let extent = work.extents[i]
      let frames = pool.take(extent.decodedCount)
      decode(
        extent, PageVector(unsafeContiguous: stored + extent.storedAt, count: extent.storedCount),
        MutablePageVector(unsafeFrames: frames, pageShift: FramePool.shift, count: extent.decodedCount))
    }
  }

  func scatteredBothWays(_ extents: Range<Int>, pool: FramePool) {
    for i in extents {
      let extent = work.extents[i]
      let frames = pool.take(extent.decodedCount)
      decode(
        extent,
        PageVector(unsafeFrames: framesOfExtent[i], pageShift: FramePool.shift, count: extent.storedCount),
        MutablePageVector(unsafeFrames: frames, pageShift: FramePool.shift, count: extent.decodedCount))
    }
  }
}

/// What is measured of a C library: it needs contiguous memory, so whoever has frames copies.
final class CDecoding: Buffers {
  private let decoder: PeerDecoder
  private let bounce: UnsafeMutableRawPointer

  init(_ work: Workload, codec: CodecPeer) {
    decoder = PeerDecoder(codec)
    bounce = .allocate(byteCount: work.extentSize, alignment: 4096)
    super.init(work)
  }

  deinit { bounce.deallocate() }

  @inline(__always)
  private func decode(_ extent: Workload.Extent, _ input: UnsafeRawPointer) {
    let isRight = decoder.decode(
      UnsafeRawBufferPointer(start: input, count: extent.storedCount),
      into: UnsafeMutableRawBufferPointer(start: output, count: extent.decodedCount))
    precondition(isRight, "\(decoder.codec.library) refuses its own stream")
  }

  func contiguous(_ extents: Range<Int>) {
    for i in extents { decode(work.extents[i], stored + work.extents[i].storedAt) }
  }

  func bounced(_ extents: Range<Int>, pool: FramePool) {
    for i in extents {
      let extent = work.extents[i]
      decode(extent, stored + extent.storedAt)
      FramePool.copy(output, to: pool.take(extent.decodedCount), extent.decodedCount)
    }
  }

  func bouncedBothWays(_ extents: Range<Int>, pool: FramePool) {
    for i in extents {
      let extent = work.extents[i]
      FramePool.copy(from: framesOfExtent[i], to: bounce, extent.storedCount)
      decode(extent, bounce)
      FramePool.copy(output, to: pool.take(extent.decodedCount), extent.decodedCount)
    }
  }
}

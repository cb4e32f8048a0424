// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// Frames of one extent, of which some hold its stored bytes.
final class SharedPool {
  let shift: Int
  let frames: SharedFrames
  let length: Int
  let pages: Int
  private let pool: UnsafeMutableRawBufferPointer
  private let input: UnsafeMutableBufferPointer<UnsafeMutableRawPointer>
  private let output: UnsafeMutableBufferPointer<UnsafeMutableRawPointer>
  private var spares: [UnsafeMutableRawPointer]
  private(set) var taken = 0

  /// - Parameters:
  ///   - places: for each page of stored bytes, the page of the output whose frame it lies in; nil, one of its own.
  ///   - spares: frames that there are to give way to.
  init(
    _ stored: [UInt8], inputOffset: Int, length: Int, outputOffset: Int, shift: Int, seed: UInt64, spares: Int? = nil,
    place: (_ page: Int, _ inputPages: Int, _ outputPages: Int) -> Int?
  ) {
    self.shift = shift
    self.length = length
    let page = 1 << shift
    let inputPages = (inputOffset + stored.count + page - 1) / page
    let outputPages = max(1, (outputOffset + length + page - 1) / page)
    pages = inputPages
    let count = outputPages + 2 * inputPages
    pool = .allocate(byteCount: count * page, alignment: 16)
    pool.initializeMemory(as: UInt8.self, repeating: 0xA5)
    var generator = SplitMix64(seed: seed)
    let addresses = Array(0..<count).shuffled(using: &generator).map { [pool] in pool.baseAddress! + $0 * page }
    output = .allocate(capacity: outputPages)
    _ = output.initialize(from: addresses[..<outputPages])
    input = .allocate(capacity: inputPages)
    for i in 0..<inputPages {
      input.initializeElement(
        at: i, to: place(i, inputPages, outputPages).map { addresses[$0] } ?? addresses[outputPages + i])
    }
    self.spares = Array(addresses[(outputPages + inputPages)...].prefix(spares ?? inputPages))
    frames = SharedFrames(
      unsafeInput: input.baseAddress!, inputOffset: inputOffset, inputCount: stored.count,
      unsafeOutput: UnsafePointer(output.baseAddress!), outputOffset: outputOffset, outputCount: length,
      pageShift: shift)
    let vector = MutablePageVector(
      unsafeFrames: input.baseAddress!, pageShift: shift, offset: inputOffset, count: stored.count)
    stored.withUnsafeBytes { _ = vector.copy(from: PageVector(unsafeContiguous: $0)) }
  }

  deinit {
    pool.deallocate()
    input.deallocate()
    output.deallocate()
  }

  var vector: MutablePageVector {
    MutablePageVector(
      unsafeFrames: output.baseAddress!, pageShift: shift, offset: frames.outputOffset, count: length)
  }

  func spare() -> UnsafeMutableRawPointer? {
    guard let frame = spares.popLast() else { return nil }
    taken += 1
    return frame
  }
}

@Suite struct InPlaceDecoderTests {
  enum Codec: String, CaseIterable, Sendable {
    case lz4, microLZMA, deflate, deflateStored, zstandard

    func encode(_ bytes: [UInt8]) -> [UInt8] {
      switch self {
      case .lz4: Liblz4.compress(bytes, level: 9)
      case .microLZMA: MicroLZMAOracle.encode(bytes).stored
      case .deflate: Deflate.libdeflateEncode(bytes, level: 6)
      case .deflateStored: Deflate.libdeflateEncode(bytes, level: 0)
      case .zstandard: ZstandardEncoder().encode(bytes)
      }
    }

    func decode(_ pool: SharedPool) throws(DecodeError) {
      switch self {
      case .lz4: try run(LZ4Decoder.self, pool, LZ4Decoder.workingBytes)
      case .microLZMA: try run(MicroLZMADecoder.self, pool, MicroLZMADecoder.workingBytes)
      case .deflate, .deflateStored: try run(DeflateDecoder.self, pool, DeflateDecoder.workingBytes)
      case .zstandard:
        try pool.frames.moveAll { pool.spare() }
        let memory = GuardedMemory(count: ZstandardDecoder.workingBytes)
        var decoder = try ZstandardDecoder(
          input: pool.frames.stored, output: pool.vector, length: pool.length, memory: memory.memory)
        try decoder.decode(to: pool.length)
        try decoder.finish()
      }
    }

    private func run<D: InPlaceDecoder & ~Copyable>(
      _: D.Type, _ pool: SharedPool, _ bytes: Int
    ) throws(DecodeError) {
      let memory = GuardedMemory(count: bytes)
      var decoder = try D(
        input: pool.frames.stored, output: pool.vector, length: pool.length, memory: memory.memory)
      try decoder.decodeInPlace(pool.frames) { pool.spare() }
      try decoder.finish()
    }
  }

  /// As a kernel places them that reads into the last pages of an extent: a frame or two give way, not all.
  @Test(arguments: Codec.allCases, [9, 12])
  func storedBytesInTheLastPages(codec: Codec, shift: Int) throws {
    for (kind, length) in [(DataKind.text, 65_536), (.mixed, 50_001), (.runs, 20_000), (.text, 300_000)] {
      let bytes = kind.bytes(length)
      let stored = codec.encode(bytes)
      let page = 1 << shift
      for outputOffset in [0, 1, page - 20] {
        let pool = SharedPool(
          stored, inputOffset: -stored.count & (page - 1), length: length, outputOffset: outputOffset, shift: shift,
          seed: 5
        ) { page, inputs, outputs in inputs <= outputs ? outputs - inputs + page : page < outputs ? page : nil }
        try codec.decode(pool)
        #expect(pool.vector.readOnly.gathered == bytes, "\(kind) \(length) from \(outputOffset)")
        // Stored bytes that do not shrink are read just before they would be overwritten.
        if codec != .zstandard, kind == .text, codec != .deflateStored {
          #expect(pool.taken <= 2, "\(kind) \(length): \(pool.taken) of \(pool.pages) frames moved")
        }
      }
    }
  }

  @Test(arguments: Codec.allCases)
  func storedBytesAnywhere(codec: Codec) throws {
    for seed in 0..<60 as Range<UInt64> {
      var generator = SplitMix64(seed: seed)
      let kind = DataKind.allCases.randomElement(using: &generator)!
      let length = Int.random(in: 1...40_000, using: &generator)
      let shift = Int.random(in: 7...12, using: &generator)
      let bytes = kind.bytes(length, seed: seed)
      let stored = codec.encode(bytes)
      var places = Array(0..<max(1, length >> shift)).shuffled(using: &generator)
      let keeps = Int.random(in: 0...3, using: &generator)
      let pool = SharedPool(
        stored, inputOffset: .random(in: 0..<1 << shift, using: &generator), length: length,
        outputOffset: .random(in: 0..<1 << shift, using: &generator), shift: shift, seed: seed
      ) { _, _, _ in places.isEmpty || Int.random(in: 0...3, using: &generator) < keeps ? nil : places.removeLast() }
      try codec.decode(pool)
      #expect(pool.vector.readOnly.gathered == bytes, "seed \(seed): \(kind) \(length), pages of \(1 << shift)")
      #expect(pool.taken <= pool.pages)
    }
  }

  @Test(arguments: Codec.allCases)
  func noFrameToGiveWayTo(codec: Codec) {
    let stored = codec.encode(DataKind.random.bytes(10_000))
    let pool = SharedPool(
      stored, inputOffset: 0, length: 10_000, outputOffset: 0, shift: 9, seed: 1, spares: 0
    ) { page, _, outputs in page < outputs ? page : nil }
    let error = #expect(throws: DecodeError.self) { try codec.decode(pool) }
    #expect(error?.reason == .memory)
  }
}

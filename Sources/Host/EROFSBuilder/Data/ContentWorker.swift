// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders

/// One thread's share of reading and encoding contents.
final class ContentWorker {
  private let options: BuildOptions
  private let order: InodeOrder
  private var opener: ContentOpener
  private var encoders: [ContentJob.Treatment: SegmentEncoder] = [:]
  private var holes: [Hole: ContentResult] = [:]
  private var holeChunks: [Int: ChunkedContent] = [:]
  private let quick = QuickCompressor()
  private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  init(_ options: BuildOptions, _ tree: Tree, _ order: InodeOrder) {
    self.options = options
    self.order = order
    opener = ContentOpener(tree)
  }

  deinit { buffer.deallocate() }

  func perform(_ job: ContentJob) throws -> ContentResult {
    let reader = try opener.open(order.entries[job.file])
    if try job.holes > 1 || isHole(reader, job) {
      try reader.finish()
      return try encodeHole(job)
    }
    if job.treatment.kind == .plain {
      // Read to where it stays until it is written.
      let stored = try [UInt8](unsafeUninitializedCapacity: job.length) { bytes, count in
        let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(bytes)[..<job.length])
        try read(reader, into: room, at: job.offset)
        count = job.length
      }
      try reader.finish()
      return storePlain(job, stored)
    }
    let bytes = reserve(job.length)
    try read(reader, into: bytes, at: job.offset)
    try reader.finish()
    return try encode(job, UnsafeRawBufferPointer(bytes))
  }

  private func storePlain(_ job: ContentJob, _ bytes: consuming [UInt8]) -> ContentResult {
    var stored = bytes
    var result = ContentResult(job: job, sum: stored.withUnsafeBytes { ContentSum($0).value })
    if case .inline(let limit) = job.treatment.tail, job.isLast {
      let tail = stored.count % options.blockSize
      if tail > 0, tail <= limit {
        result.segment.tail = .inline(bytes: Array(stored.suffix(tail)), length: tail, form: .plain)
        stored.removeLast(tail)
      }
    }
    result.segment.stored = stored
    return result
  }

  private func isHole(_ reader: borrowing ContentReader, _ job: ContentJob) throws -> Bool {
    guard let data = try reader.data(after: job.offset) else { return true }
    return data.lowerBound >= job.offset + UInt64(job.length)
  }

  /// As ``encode(_:_:)``, of zeros. Segments of a large hole are alike, so they are encoded once.
  private func encodeHole(_ job: ContentJob) throws -> ContentResult {
    if job.treatment.kind == .chunked {
      var result = ContentResult(job: job, sum: ContentSum.ofZeros(UInt64(job.length)))
      for start in stride(from: 0, to: job.length, by: options.chunkSize!) {
        result.chunks.append(.init(digest: nil, length: min(options.chunkSize!, job.length - start)))
      }
      return result
    }
    // Blocks of a flat file that are never written read as zeros. The last ones may be a tail.
    if job.treatment.kind == .plain, !job.isLast {
      var result = ContentResult(job: job, sum: ContentSum.ofZeros(UInt64(job.length)))
      result.isHole = true
      return result
    }
    let isCommon = job.treatment.kind == .compressed && !job.isLast && job.cuts.isEmpty && job.references.isEmpty
    let key = Hole(treatment: job.treatment, length: job.length)
    if isCommon, let known = holes[key] {
      var result = ContentResult(job: job, sum: known.sum)
      result.segment = known.segment
      return result
    }
    let bytes = reserve(job.length)
    _ = bytes.initializeMemory(as: UInt8.self, repeating: 0)
    let result = try encode(job, UnsafeRawBufferPointer(bytes))
    if isCommon { holes[key] = result }
    return result
  }

  private struct Hole: Hashable {
    let treatment: ContentJob.Treatment
    let length: Int
  }

  func digest(of job: ContentJob) throws -> ContentDigest {
    let bytes = reserve(job.length)
    let reader = try opener.open(order.entries[job.file])
    try read(reader, into: bytes, at: job.offset)
    try reader.finish()
    return ContentDigest(UnsafeRawBufferPointer(bytes))
  }

  /// Cuts a content into chunks, from the job's start on.
  func chunks(of job: ContentJob, _ chunker: ContentChunker) throws -> ChunkedContent {
    let reader = try opener.open(order.entries[job.file])
    let isHole = try isHole(reader, job)
    if isHole, let known = holeChunks[job.length] {
      try reader.finish()
      return known
    }
    let bytes = reserve(job.length)
    try read(reader, into: bytes, at: job.offset)
    try reader.finish()
    var content = ChunkedContent()
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let length = chunker.firstLength(of: rest)
      content.lengths.append(UInt32(length))
      content.digests.append(ContentDigest(UnsafeRawBufferPointer(rebasing: rest[..<length])))
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    if isHole { holeChunks[job.length] = content }
    return content
  }

  /// About how many bytes a job's content takes when it is compressed; of a long one, pieces from all over it are looked at.
  ///
  /// - Parameter enough: it is not looked at further than to so many.
  func compressedSize(of job: ContentJob, upTo enough: Int) throws -> Int {
    guard job.length > 0 else { return 0 }
    let reader = try opener.open(order.entries[job.file])
    var size = 0
    var place = 0
    var looked = 0
    while place < job.length, size < enough {
      let bytes = reserve(min(job.length - place, 1 << 16))
      try read(reader, into: bytes, at: job.offset + UInt64(place))
      size += quick.compressedSize(of: UnsafeRawBufferPointer(bytes))
      looked += bytes.count
      place += max(bytes.count, job.length / 16)
    }
    try reader.finish()
    return size < enough ? Int(Double(size) * Double(job.length) / Double(looked)) : size
  }

  private func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if buffer.count < count {
      buffer.deallocate()
      buffer = .allocate(byteCount: count, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
  }

  /// Holes are not read.
  private func read(
    _ reader: borrowing ContentReader, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws {
    let end = offset + UInt64(bytes.count)
    var at = offset
    while at < end {
      let data = try reader.data(after: at)
      let from = min(data?.lowerBound ?? end, end)
      let to = min(data?.upperBound ?? end, end)
      let hole = UnsafeMutableRawBufferPointer(rebasing: bytes[Int(at - offset)..<Int(from - offset)])
      hole.initializeMemory(as: UInt8.self, repeating: 0)
      if to > from {
        try reader.read(
          into: UnsafeMutableRawBufferPointer(rebasing: bytes[Int(from - offset)..<Int(to - offset)]), at: from)
      }
      at = max(to, from)
    }
  }

  func encode(_ job: ContentJob, _ bytes: UnsafeRawBufferPointer) throws -> ContentResult {
    var result = ContentResult(job: job, sum: ContentSum(bytes).value)
    switch job.treatment.kind {
    case .packed: result.packed = Array(bytes)
    case .chunked: chunk(bytes, &result)
    case .plain: return storePlain(job, Array(bytes))
    case .compressed:
      var segment = Segment(isLast: job.isLast, isWhole: job.isFirst && job.isLast)
      if job.isLast { segment.tail = job.treatment.tail }
      segment.cuts = job.cuts
      segment.references = job.references
      result.segment = try encoder(job.treatment).encode(segment, bytes)
      if job.isFirst, job.isLast, options.inlinesData, options.index != .encoded {
        storeFlat(bytes, &result.segment)
      }
      if case .packed(let length) = result.segment.tail { result.packed = Array(bytes.suffix(length)) }
    }
    if !result.packed.isEmpty {
      result.packedDigest = result.packed.withUnsafeBytes { ContentDigest($0) }
      result.kind = result.packed.withUnsafeBytes { ContentKind($0) }
    }
    return result
  }

  /// A file that takes as much compressed as it has bytes will be flat, with its tail beside its inode.
  private func storeFlat(_ bytes: UnsafeRawBufferPointer, _ segment: inout EncodedSegment) {
    let tail = bytes.count % options.blockSize
    let isInline = tail > 0 && tail <= options.longestInlineTail
    let blocks = (bytes.count + options.blockSize - 1) / options.blockSize
    let flat = isInline ? bytes.count : blocks * options.blockSize
    // The smallest index: a header, and 2 bytes for each lcluster.
    var compressed = segment.stored.count + 8 + 2 * blocks
    switch segment.tail {
    case .none: break
    case .inline(let stored, _, _): compressed += stored.count
    case .packed: return
    }
    guard flat <= compressed, segment.extents.allSatisfy({ !$0.isShared && $0.form != .hole }) else {
      return
    }
    segment = EncodedSegment()
    let whole = isInline ? bytes.count - tail : bytes.count
    for start in stride(from: 0, to: whole, by: options.blockSize) {
      segment.extents.append(
        StoredExtent(
          length: UInt32(min(options.blockSize, whole - start)), storedBytes: UInt32(options.blockSize),
          address: UInt64(start), form: .plain, isRelative: true))
    }
    segment.stored = Array(bytes[..<whole])
    segment.stored.append(contentsOf: repeatElement(0, count: segment.extents.count * options.blockSize - whole))
    if isInline { segment.tail = .inline(bytes: Array(bytes.suffix(tail)), length: tail, form: .plain) }
  }

  private func encoder(_ treatment: ContentJob.Treatment) throws -> SegmentEncoder {
    var key = treatment
    key.tail = .stored
    if let known = encoders[key] { return known }
    let encoder = try Encoder(options.encoding(at: treatment.encoding))
    let limit = options.longestExtent
    func method(_ encoder: Encoder) -> SegmentEncoder.Method {
      SegmentEncoder.Method(algorithm: encoder.encoding.algorithm.format) { input, output, expected in
        try encoder.encode(input, into: output, extentLimit: limit, expecting: expected)
      }
    }
    let second = try treatment.second.map { method(try Encoder(options.encoding(at: $0))) }
    let rules = ExtentRules(
      blockSize: options.blockSize, clusterSize: options.encodedCluster(treatment), extentLimit: limit,
      hasByteAddresses: options.index == .encoded, marksZeros: options.index == .full, interlacesPlain: false)
    let made = SegmentEncoder(
      rules, method(encoder), second: second, within: options.secondEncoding?.within ?? 0,
      isHopeless: {
        // A look takes as long as LZ4 itself.
        encoder.encoding.algorithm != .lz4 && encoder.looksIncompressible($0, clusterSize: treatment.clusterSize)
      })
    encoders[key] = made
    return made
  }

  /// Cuts it into chunks, of which those of zeros only are not stored.
  private func chunk(_ bytes: UnsafeRawBufferPointer, _ result: inout ContentResult) {
    let size = options.chunkSize!
    for start in stride(from: 0, to: bytes.count, by: size) {
      let chunk = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])
      if chunk.isZero {
        result.chunks.append(.init(digest: nil, length: chunk.count))
      } else {
        result.chunks.append(.init(digest: ContentDigest(chunk), length: chunk.count))
        result.segment.stored.append(contentsOf: chunk)
      }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether all bytes are 0.
  var isZero: Bool {
    var at = 0
    while at + 8 <= count {
      if loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
      at += 8
    }
    return self[at...].allSatisfy { $0 == 0 }
  }
}

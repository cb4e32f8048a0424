// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders

/// One thread's share of reading and encoding contents.
final class ContentWorker {
  private let options: BuildOptions
  private let order: InodeOrder
  private var opener: ContentOpener
  private var encoders: [ContentJob.Treatment: SegmentEncoder] = [:]
  private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  init(_ options: BuildOptions, _ tree: Tree, _ order: InodeOrder) {
    self.options = options
    self.order = order
    opener = ContentOpener(tree)
  }

  deinit { buffer.deallocate() }

  func perform(_ job: ContentJob) throws -> ContentResult {
    let bytes = reserve(job.length)
    let reader = try opener.open(order.entries[job.file])
    try read(reader, into: bytes, at: job.offset)
    try reader.finish()
    return try encode(job, UnsafeRawBufferPointer(bytes))
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
    let bytes = reserve(job.length)
    let reader = try opener.open(order.entries[job.file])
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
    return content
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
    var result = ContentResult(job: job, digest: ContentDigest(bytes))
    switch job.treatment.kind {
    case .packed: result.packed = Array(bytes)
    case .chunked: chunk(bytes, &result)
    case .plain:
      var stored = bytes[...]
      if case .inline(let limit) = job.treatment.tail, job.isLast {
        let tail = bytes.count % options.blockSize
        if tail > 0, tail <= limit {
          result.segment.tail = .inline(bytes: Array(bytes.suffix(tail)), length: tail, form: .plain)
          stored = stored.dropLast(tail)
        }
      }
      result.segment.stored = Array(stored)
    case .compressed:
      var segment = Segment(isLast: job.isLast, isWhole: job.isFirst && job.isLast)
      if job.isLast { segment.tail = job.treatment.tail }
      segment.cuts = job.cuts
      segment.references = job.references
      result.segment = try encoder(job.treatment).encode(segment, bytes)
      if job.isFirst, job.isLast, options.inlinesData, options.index != .encoded {
        inlineTail(of: bytes, &result.segment)
      }
      if case .packed(let length) = result.segment.tail { result.packed = Array(bytes.suffix(length)) }
    }
    if !result.packed.isEmpty {
      result.packedDigest =
        result.packed.count == bytes.count ? result.digest : result.packed.withUnsafeBytes { ContentDigest($0) }
      result.kind = result.packed.withUnsafeBytes { ContentKind($0) }
    }
    return result
  }

  /// A file of which nothing is compressed will be flat, and the tail of a flat file goes beside its inode.
  private func inlineTail(of bytes: UnsafeRawBufferPointer, _ segment: inout EncodedSegment) {
    let tail = bytes.count % options.blockSize
    guard tail > 0, tail <= options.longestInlineTail, segment.tail == .none, segment.isPlain,
      let last = segment.extents.last, Int(last.length) == tail
    else { return }
    segment.extents.removeLast()
    segment.stored.removeLast(Int(last.storedBytes))
    segment.tail = .inline(bytes: Array(bytes.suffix(tail)), length: tail, form: .plain)
  }

  private func encoder(_ treatment: ContentJob.Treatment) throws -> SegmentEncoder {
    var key = treatment
    key.tail = .stored
    if let known = encoders[key] { return known }
    let encoder = try Encoder(options.encodings[treatment.encoding])
    let limit = options.longestExtent
    let rules = ExtentRules(
      blockSize: options.blockSize, clusterSize: treatment.clusterSize, extentLimit: limit,
      hasByteAddresses: options.index == .encoded, interlacesPlain: false)
    let made = SegmentEncoder(
      rules,
      compress: { input, output, expected in
        try encoder.encode(input, into: output, extentLimit: limit, expecting: expected)
      },
      isHopeless: { encoder.looksIncompressible($0, clusterSize: treatment.clusterSize) })
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

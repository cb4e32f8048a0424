// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Encoders

/// Makes extents of a file's bytes with one thread's compressor.
final class SegmentEncoder {
  /// Compresses as much of an input as fits an output; see `Encoder.encode`.
  typealias Compress = (
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ expected: Int?
  ) throws -> Encoded

  /// An algorithm and a compressor for it.
  struct Method {
    /// Its id.
    let algorithm: UInt8
    let compress: Compress
  }

  let rules: ExtentRules
  private let first: Method
  private let second: Method?
  /// Percent of stored bytes that an extent by the second algorithm may take more than by the first.
  private let within: Int
  /// Whether it is not worth trying to compress an input.
  private let isHopeless: (UnsafeRawBufferPointer) -> Bool
  private var cluster: UnsafeMutableRawBufferPointer
  /// A second one, to compare with.
  private var trial: UnsafeMutableRawBufferPointer

  init(
    _ rules: ExtentRules, _ first: Method, second: Method? = nil, within: Int = 0,
    isHopeless: @escaping (UnsafeRawBufferPointer) -> Bool = { _ in false }
  ) {
    self.rules = rules
    self.first = first
    self.second = second
    self.within = within
    self.isHopeless = isHopeless
    cluster = .allocate(byteCount: rules.clusterSize, alignment: 16)
    trial = .allocate(byteCount: rules.clusterSize, alignment: 16)
  }

  deinit {
    cluster.deallocate()
    trial.deallocate()
  }

  /// Encodes a segment.
  ///
  /// - Parameter content: all bytes of the segment, which starts at a block of its file. At least one.
  func encode(_ segment: Segment, _ content: UnsafeRawBufferPointer) throws -> EncodedSegment {
    var work = Work(content: content, fileEnd: segment.isLast ? content.count : nil)
    work.result.stored.reserveCapacity(content.count / 2)
    let holes = rules.hasByteAddresses || rules.marksZeros ? ZeroRuns.all(in: content) : []
    var cuts = segment.cuts[...]
    if !rules.hasByteAddresses, !holes.isEmpty { cuts = (segment.cuts + rules.cuts(around: holes)).sorted()[...] }
    for reference in segment.references.merged(with: rules.hasByteAddresses ? holes : []) {
      if case .zeros = reference.source {
        try skip(from: reference.start, to: reference.start + reference.length, &cuts, &work)
        continue
      }
      // Its data may have been encoded already, where no extent could end at its start.
      guard reference.start >= work.position, reference.start + reference.length <= content.count else { continue }
      switch reference.source {
      case .extent(let extent, let hasSameOffset):
        if try advance(to: reference.start, &cuts, &work) {
          share(extent, length: reference.length, hasSameOffset, &work)
        }
      case .segment(let source): try share(reference, from: source, &cuts, &work)
      case .zeros: break
      }
    }
    if try !advance(to: content.count, &cuts, tail: segment.tail, &work) { preconditionFailure("a segment has no end") }
    return work.result
  }

  private struct Work {
    let content: UnsafeRawBufferPointer
    /// Where the file ends, if it ends here.
    let fileEnd: Int?
    var position = 0
    /// What the last compressed extent took, by the first algorithm and by the second.
    var expected: Int?
    var expectedSecond: Int?
    /// Up to here nothing is to be compressed.
    var hopelessEnd = 0
    var result = EncodedSegment()
    /// Where the result's extents start.
    var starts: [Int] = []

    mutating func add(_ extent: StoredExtent) {
      starts.append(position)
      result.extents.append(extent)
      position += Int(extent.length)
    }

    /// Number of the first extent that starts at `place` or after it.
    func firstExtent(from place: Int) -> Int {
      var (low, high) = (0, starts.count)
      while low < high {
        let middle = (low + high) / 2
        if starts[middle] < place { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// Adds an extent of zeros, of which nothing is stored.
  private func skip(from first: Int, to end: Int, _ cuts: inout ArraySlice<Int>, _ work: inout Work) throws {
    // The first ones may be in an extent that another file's end made longer.
    let start = max(first, work.position)
    guard end - start >= ZeroRuns.shortest, try advance(to: start, &cuts, &work) else { return }
    work.expected = nil
    work.add(StoredExtent(length: UInt32(end - start), storedBytes: 0, address: 0, form: .hole))
  }

  /// Adds an extent whose stored bytes are those of another, if the rules allow one.
  ///
  /// Linux (6.18) fails to read pages of bytes that are not compressed for places at different offsets of a page.
  private func share(_ other: StoredExtent, length: Int, _ hasSameOffset: Bool, _ work: inout Work) {
    let end = work.position + length
    let isAnywhere = !other.isPlain || other.storedBytes <= StoredExtent.pageBytes
    guard hasSameOffset || isAnywhere, rules.allows(work.position, end, fileEndsAt: work.fileEnd),
      rules.hasRoom(forStored: Int(other.storedBytes), from: work.position, to: end),
      other.form != .compressed || other.algorithm == first.algorithm || other.algorithm == second?.algorithm
    else { return }
    var extent = other
    extent.isPartial = extent.isPartial || length < Int(extent.length)
    extent.length = UInt32(length)
    extent.isShared = true
    work.add(extent)
  }

  private func share(
    _ reference: Segment.Reference, from source: Int, _ cuts: inout ArraySlice<Int>, _ work: inout Work
  ) throws {
    // Where no extent can end there, what comes later in the run is shared all the same.
    _ = try advance(to: reference.start, &cuts, &work)
    let end = source + reference.length
    var index = work.firstExtent(from: source)
    // A run may go on in itself: extents that are shared here are then shared once more.
    while index < work.starts.count, work.starts[index] < end {
      let start = work.starts[index]
      let extent = work.result.extents[index]
      let repeated = reference.start + (start - source)
      index += 1
      guard extent.form != .hole, repeated >= work.position, try advance(to: repeated, &cuts, &work) else { continue }
      let hasSameOffset = (repeated - start) % StoredExtent.pageBytes == 0
      share(extent, length: min(Int(extent.length), end - start), hasSameOffset, &work)
    }
  }

  /// Encodes up to `stop`; at the cuts before it extents begin, as far as that is possible. Returns false, and stays
  /// before `stop`, where no extent can end there.
  private func advance(
    to stop: Int, _ cuts: inout ArraySlice<Int>, tail: TailPolicy = .stored, _ work: inout Work
  ) throws -> Bool {
    while let cut = cuts.first, cut < stop {
      cuts.removeFirst()
      if cut > work.position { _ = try advance(to: cut, tail: .stored, &work) }
    }
    return try advance(to: stop, tail: tail, &work)
  }

  private func advance(to stop: Int, tail: TailPolicy, _ work: inout Work) throws -> Bool {
    while work.position < stop {
      let start = work.position
      let rest = stop - start
      guard rules.allows(start, stop, fileEndsAt: work.fileEnd) else { return false }
      // What would not fill a cluster anyway, most probably, is not compressed first.
      let filling = max(rules.clusterSize, (work.expected ?? 0) / 8 * 7)
      if tail == .packed, work.fileEnd == stop, rest <= min(filling, rules.extentLimit) {
        work.result.tail = .packed(length: rest)
        work.position = stop
        return true
      }
      if case .inline(let limit) = tail, work.fileEnd == stop, rest <= rules.blockSize {
        let piece = try small(rest, limit, &work)
        return try finish(piece, tail, stop, &work)
      }
      var piece = try next(limit: rest, &work)
      if piece.length == rest, tail != .stored, work.fileEnd == stop {
        return try finish(piece, tail, stop, &work)
      }
      let left = rest - piece.length
      if left > 0, left < rules.blockSize, stop != work.fileEnd, !rules.hasByteAddresses {
        // What would be left is too short to be an extent of its own wherever it is repeated, and here perhaps: leave a block.
        let limit = rest - rules.blockSize
        if limit >= rules.blockSize {
          piece = try next(limit: limit, &work)
        } else if !rules.allows(start + piece.length, stop, fileEndsAt: work.fileEnd) {
          guard limit > 0, rules.allows(start, start + limit, fileEndsAt: work.fileEnd) else { return false }
          piece = try next(limit: limit, &work)
        }
      }
      append(piece, &work)
    }
    return true
  }

  /// A way to store the bytes from the work's position on.
  private struct Piece {
    var length: Int
    /// Bytes in the cluster, without padding; of plain ones, as many as the length.
    var stored: Int
    /// Of a compressed one.
    var algorithm: UInt8?

    var isCompressed: Bool { algorithm != nil }
  }

  /// The best extent of at most `limit` bytes from the work's position on; its stored bytes are in ``cluster``, where it is
  /// compressed.
  private func next(limit: Int, _ work: inout Work) throws -> Piece {
    let limit = min(limit, rules.extentLimit)
    let input = UnsafeRawBufferPointer(rebasing: work.content[work.position..<work.position + limit])
    if limit > (rules.hasByteAddresses ? 16 : rules.blockSize), !skips(input, &work) {
      let encoded = try first.compress(input, cluster, work.expected)
      if encoded.decoded > rules.padded(encoded.stored) {
        work.expected = encoded.decoded
        if let piece = try bySecond(input, encoded, &work) { return piece }
        return Piece(length: encoded.decoded, stored: encoded.stored, algorithm: first.algorithm)
      }
      // Not to compress a large cluster again from each of its blocks on.
      work.hopelessEnd = work.position + min(limit, rules.clusterSize / 2)
    }
    work.expected = nil
    let length = min(limit, rules.hasByteAddresses ? rules.clusterSize : rules.blockSize)
    return Piece(length: length, stored: length)
  }

  /// The extent by the second algorithm, where it is not much larger than by the first; then it is what ``cluster`` has.
  private func bySecond(_ input: UnsafeRawBufferPointer, _ other: Encoded, _ work: inout Work) throws -> Piece? {
    guard let second else { return nil }
    let encoded = try second.compress(input, trial, work.expectedSecond)
    work.expectedSecond = encoded.decoded
    let stored = rules.padded(encoded.stored)
    // What a byte of the file takes decides, because both fill a cluster with more or fewer bytes of the file.
    guard encoded.decoded > stored,
      stored * other.decoded * 100 <= rules.padded(other.stored) * encoded.decoded * (100 + within)
    else { return nil }
    swap(&cluster, &trial)
    return Piece(length: encoded.decoded, stored: encoded.stored, algorithm: second.algorithm)
  }

  /// Whether the data there is not to be compressed. One look answers for a whole cluster.
  private func skips(_ input: UnsafeRawBufferPointer, _ work: inout Work) -> Bool {
    if work.position < work.hopelessEnd { return true }
    // Data like that of the cluster before needs no look, which takes a part of the time of fast compressors.
    if let expected = work.expected, expected * 8 > rules.clusterSize * 9 { return false }
    guard isHopeless(input) else { return false }
    work.hopelessEnd = work.position + min(input.count, rules.clusterSize)
    return true
  }

  /// The end of a file, a block at most, for a place beside the inode: compressed if that makes it smaller by more than the
  /// index of a compressed file takes.
  private func small(_ length: Int, _ limit: Int, _ work: inout Work) throws -> Piece {
    let plain = Piece(length: length, stored: length)
    guard length > Self.indexBytes else { return plain }
    let input = UnsafeRawBufferPointer(rebasing: work.content[work.position..<work.position + length])
    let room = UnsafeMutableRawBufferPointer(rebasing: cluster[..<min(length - Self.indexBytes, limit, cluster.count)])
    let encoded = try first.compress(input, room, nil)
    return encoded.decoded == length ? Piece(length: length, stored: encoded.stored, algorithm: first.algorithm) : plain
  }

  /// A map header and the index of one lcluster.
  private static let indexBytes = 24

  private func append(_ piece: Piece, _ work: inout Work) {
    let padded = rules.padded(piece.stored)
    let padding = padded - piece.stored
    let address = work.result.stored.count
    let bytes = UnsafeRawBufferPointer(rebasing: work.content[work.position..<work.position + piece.length])
    let isZeros = piece.isCompressed && bytes.isZero
    var form = StoredExtent.Form.compressed
    if piece.isCompressed {
      work.result.stored.append(contentsOf: repeatElement(0, count: padding))
      work.result.stored.append(contentsOf: cluster[..<piece.stored])
    } else {
      form = rules.interlacesPlain && !rules.hasByteAddresses ? .interlaced : .plain
      // Each byte at its offset in the block: what is over the block's end comes first.
      let offset = form == .interlaced ? work.position % rules.blockSize : 0
      let head = offset == 0 ? piece.length : min(piece.length, rules.blockSize - offset)
      if offset > 0 {
        work.result.stored.append(contentsOf: bytes.dropFirst(head))
        work.result.stored.append(contentsOf: repeatElement(0, count: offset - (piece.length - head)))
      }
      work.result.stored.append(contentsOf: bytes.prefix(head))
      work.result.stored.append(contentsOf: repeatElement(0, count: address + padded - work.result.stored.count))
    }
    work.add(
      StoredExtent(
        length: UInt32(piece.length), storedBytes: UInt32(padded), address: UInt64(address), form: form,
        algorithm: piece.algorithm ?? 0, isZeros: isZeros, isRelative: true))
  }

  /// Puts the file's last extent where the policy wants it.
  private func finish(_ piece: Piece, _ tail: TailPolicy, _ stop: Int, _ work: inout Work) throws -> Bool {
    switch tail {
    case .packed:
      work.result.tail = .packed(length: piece.length)
      work.position = stop
    case .inline(let limit):
      // The index says of a tail only that it is compressed: by the first algorithm.
      if piece.stored <= limit, piece.algorithm ?? first.algorithm == first.algorithm {
        takeInline(piece, cluster, &work)
      } else if try !splitForInline(piece, limit, &work) {
        append(piece, &work)
      }
    case .stored: append(piece, &work)
    }
    return true
  }

  private func takeInline(_ piece: Piece, _ bytes: UnsafeMutableRawBufferPointer, _ work: inout Work) {
    let end = work.position + piece.length
    let stored = piece.isCompressed ? Array(bytes[..<piece.stored]) : Array(work.content[work.position..<end])
    work.result.tail = .inline(
      bytes: stored, length: piece.length, form: piece.isCompressed ? .compressed : .plain)
    work.position = end
  }

  /// The last extent takes some whole blocks and a part of one. Where the part, as an extent of its own, fits next to the
  /// inode, the blocks are filled and nothing is padded.
  private func splitForInline(_ piece: Piece, _ limit: Int, _ work: inout Work) throws -> Bool {
    let whole = piece.stored / rules.blockSize * rules.blockSize
    guard piece.algorithm == first.algorithm, !rules.hasByteAddresses, whole > 0, whole < piece.stored else {
      return false
    }
    let start = work.position
    let end = start + piece.length
    let input = UnsafeRawBufferPointer(rebasing: work.content[start..<end])
    let head = try first.compress(
      input, UnsafeMutableRawBufferPointer(rebasing: trial[..<whole]), nil)
    let rest = piece.length - head.decoded
    guard head.decoded > rules.padded(head.stored), rest > 0,
      rules.allows(start + head.decoded, end, fileEndsAt: work.fileEnd)
    else { return false }
    // The head is in `trial`; `cluster` keeps the whole piece for the case that this does not come to anything.
    let restInput = UnsafeRawBufferPointer(rebasing: input[head.decoded...])
    var scratch = [UInt8](repeating: 0, count: limit)
    let isPlain: Bool
    let tail: Encoded
    if rest <= limit {
      let encoded = try scratch.withUnsafeMutableBytes { try first.compress(restInput, $0, nil) }
      isPlain = encoded.decoded < rest || encoded.stored >= rest
      tail = isPlain ? Encoded(decoded: rest, stored: rest) : encoded
    } else {
      tail = try scratch.withUnsafeMutableBytes { try first.compress(restInput, $0, nil) }
      isPlain = false
      guard tail.decoded == rest else { return false }
    }
    let swap = UnsafeRawBufferPointer(rebasing: trial[..<head.stored])
    cluster.copyMemory(from: swap)
    append(Piece(length: head.decoded, stored: head.stored, algorithm: first.algorithm), &work)
    let bytes = isPlain ? Array(restInput) : Array(scratch[..<tail.stored])
    work.result.tail = .inline(bytes: bytes, length: rest, form: isPlain ? .plain : .compressed)
    work.position = end
    return true
  }
}

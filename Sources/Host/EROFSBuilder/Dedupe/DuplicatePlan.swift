// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A file's content as chunks.
struct ChunkedContent: Sendable {
  /// Bytes of each chunk, in order.
  var lengths: [UInt32] = []
  var digests: [ContentDigest] = []
}

/// Which runs of which contents are stored only once.
///
/// It is made from the contents' chunks alone, before anything is compressed. So files can be compressed by any number of
/// threads in any order, and the image is the same.
///
/// EROFS can refer to stored data only from its start: an extent's first byte is the first byte that its pcluster decodes
/// to. A run that is to be referred to should therefore begin an extent, which costs some compression; runs below a shortest
/// length are not worth that.
struct DuplicatePlan {
  /// A run of a content that is stored as part of an earlier one, or earlier in the same.
  struct Run: Equatable {
    /// Byte offset in the content.
    let start: UInt64
    let length: UInt64
    /// The earlier content, and where the run starts in it.
    let source: Int
    let sourceStart: UInt64
  }

  /// The runs of each content that are stored elsewhere, in order. Other runs may refer to them in turn.
  private(set) var runs: [[Run]]
  /// Where extents should begin in each content because a run elsewhere starts with what is there; ascending, without 0.
  private(set) var cuts: [[UInt64]]
  /// Bytes that are not stored again.
  private(set) var savedBytes: UInt64 = 0

  /// - Parameters:
  ///   - contents: in the order in which they are to be stored.
  ///   - shortestRun: in bytes. Contents that are equal as a whole are found whatever their size.
  ///   - segment: bytes of a content's segments. No run that refers to its own content goes on in the next one.
  init(_ contents: [ChunkedContent], shortestRun: UInt64, segment: (Int) -> UInt64 = { _ in .max }) {
    runs = Array(repeating: [], count: contents.count)
    cuts = Array(repeating: [], count: contents.count)
    var first: [ContentDigest: Place] = [:]
    first.reserveCapacity(contents.reduce(0) { $0 + $1.digests.count })
    for number in contents.indices {
      Self.add(number, contents, shortestRun, segment(number), &first, &runs[number])
    }
    addUp()
  }

  /// Forgets the runs that are not worth it, and the cuts that only they need.
  ///
  /// - Parameter isWorthIt: gets the content and the run's place in ``runs``.
  mutating func keep(_ isWorthIt: (_ content: Int, _ run: Int) -> Bool) {
    for number in runs.indices where !runs[number].isEmpty {
      runs[number] = runs[number].indices.filter { isWorthIt(number, $0) }.map { runs[number][$0] }
    }
    addUp()
  }

  /// Finds out what follows from the runs.
  private mutating func addUp() {
    savedBytes = 0
    for number in cuts.indices { cuts[number] = [] }
    for run in runs.joined() {
      savedBytes += run.length
      if run.sourceStart > 0 { cuts[run.source].append(run.sourceStart) }
    }
    for number in cuts.indices {
      cuts[number].sort()
      var last: UInt64 = 0
      cuts[number].removeAll { cut in
        defer { last = cut }
        return cut == last
      }
    }
  }

  /// A chunk that is stored.
  private struct Place {
    let content: Int32
    let chunk: Int32
    let start: UInt64
  }

  /// Finds the runs of one content, and adds the chunks that it stores itself to `first`.
  private static func add(
    _ number: Int, _ contents: [ChunkedContent], _ shortestRun: UInt64, _ segment: UInt64,
    _ first: inout [ContentDigest: Place], _ runs: inout [Run]
  ) {
    let content = contents[number]
    var chunk = 0
    var start: UInt64 = 0
    // Chunks that are stored here, with the places that they get: known to later chunks at once, so that a content may
    // refer to itself.
    while chunk < content.digests.count {
      guard let place = first[content.digests[chunk]] else {
        first[content.digests[chunk]] = Place(content: Int32(number), chunk: Int32(chunk), start: start)
        start += UInt64(content.lengths[chunk])
        chunk += 1
        continue
      }
      let source = contents[Int(place.content)]
      let own = start / segment
      func isNear(_ place: Place?) -> Bool { place?.content == Int32(number) && place!.start / segment == own }
      let (isOwn, isFar) = (place.content == number, place.content == number && !isNear(place))
      var length: UInt64 = 0
      var next = chunk
      var from = Int(place.chunk)
      // What is a part of a run there is stored too, elsewhere; and the run may go on in itself, as LZ77's matches do.
      while next < content.digests.count, from < source.digests.count, content.digests[next] == source.digests[from] {
        if isOwn, (start + length) / segment != own { break }
        if isFar {
          // What is in the same segment by now is near, and asks for no order in which segments are encoded.
          if isNear(first[content.digests[next]]) { break }
          first[content.digests[next]] = Place(content: Int32(number), chunk: Int32(next), start: start + length)
        }
        length += UInt64(content.lengths[next])
        next += 1
        from += 1
      }
      if length >= shortestRun || (next == content.digests.count && chunk == 0) {
        runs.append(Run(start: start, length: length, source: Int(place.content), sourceStart: place.start))
      }
      // Too short to be referred to: it is stored again, and its first place stays the one that is known.
      start += length
      chunk = next
    }
  }
}

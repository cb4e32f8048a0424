// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSBuilder

@Suite struct DuplicatePlanTests {
  private func random(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
  }

  /// Chunks with their own bytes' hash for a digest.
  private func chunked(_ bytes: [UInt8], _ chunker: ContentChunker) -> ChunkedContent {
    var content = ChunkedContent()
    var at = 0
    while at < bytes.count {
      let length = bytes.withUnsafeBytes { chunker.firstLength(of: UnsafeRawBufferPointer(rebasing: $0[at...])) }
      var hash: UInt64 = 14_695_981_039_346_656_037
      for byte in bytes[at..<at + length] { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
      content.lengths.append(UInt32(length))
      content.digests.append(ContentDigest(high: hash, low: UInt64(length)))
      at += length
    }
    return content
  }

  @Test func chunksKeepTheirBounds() {
    let chunker = ContentChunker(average: 4096)
    for bytes in [random(300_000, 1), [UInt8](repeating: 0, count: 300_000), random(100, 2), []] {
      let lengths = chunked(bytes, chunker).lengths.map { Int($0) }
      #expect(lengths.reduce(0, +) == bytes.count)
      #expect(lengths.dropLast().allSatisfy { (chunker.minimum...chunker.maximum).contains($0) })
    }
    let lengths = chunked(random(4_000_000, 3), chunker).lengths
    #expect((3000...6000).contains(4_000_000 / lengths.count))
  }

  @Test func equalRunsAreCutAlikeWhereverTheyStart() {
    let chunker = ContentChunker(average: 4096)
    let common = random(200_000, 4)
    let one = Set(chunked(common, chunker).digests)
    let other = Set(chunked(random(12_345, 5) + common, chunker).digests)
    #expect(one.intersection(other).count >= one.count - 2)
  }

  /// What a plan says must hold on the bytes themselves.
  private func check(_ files: [[UInt8]], _ plan: DuplicatePlan, minimum: Int) {
    for (number, file) in files.enumerated() {
      var end: UInt64 = 0
      for run in plan.runs[number] {
        #expect(run.start >= end && run.length > 0)
        end = run.start + run.length
        #expect(run.source < number || (run.source == number && run.sourceStart < run.start))
        let source = files[run.source][Int(run.sourceStart)..<Int(run.sourceStart + run.length)]
        #expect(source.elementsEqual(file[Int(run.start)..<Int(end)]))
        if run.sourceStart > 0 { #expect(plan.cuts[run.source].contains(run.sourceStart)) }
      }
      #expect(end <= UInt64(file.count))
      // Cuts and the edges of runs leave room for an extent of a block.
      let edges = Set(plan.cuts[number] + plan.runs[number].flatMap { [$0.start, $0.start + $0.length] }).sorted()
      for (one, next) in zip([0] + edges, edges) where next > one && next < file.count {
        #expect(Int(next - one) >= minimum)
      }
    }
  }

  @Test func runsAreEqualStoredOnceAndFarEnoughApart() {
    let chunker = ContentChunker(average: 4096)
    let a = random(100_000, 6)
    let b = random(60_000, 7)
    let c = random(30_000, 8)
    let files = [a + b, b + c, a + b, c + a + c, [], Array(a[5000..<90_000]), a + a, [1, 2, 3], [1, 2, 3]]
    let plan = DuplicatePlan(files.map { chunked($0, chunker) }, shortestRun: 16_384)
    check(files, plan, minimum: 1024)
    #expect(plan.runs[2] == [.init(start: 0, length: 160_000, source: 0, sourceStart: 0)])
    #expect(plan.runs[8] == [.init(start: 0, length: 3, source: 7, sourceStart: 0)])
    #expect(plan.savedBytes > 160_000 + 80_000 + 180_000)
  }

  @Test func whatRepeatsItselfIsOneRun() {
    let chunker = ContentChunker(average: 4096)
    let part = random(65_536, 11)
    let files = [Array(repeatElement(part, count: 20).joined()), part + part]
    let plan = DuplicatePlan(files.map { chunked($0, chunker) }, shortestRun: 16_384)
    check(files, plan, minimum: 1024)
    #expect(plan.runs.map(\.count) == [1, 1])
    #expect(plan.runs[0][0].start - plan.runs[0][0].sourceStart == 65_536)
    // The last chunk ends with the file, and where it is repeated it goes on.
    let end = plan.runs[0][0].start + plan.runs[0][0].length
    #expect(end + UInt64(chunker.maximum) >= UInt64(files[0].count))
  }

  /// A part that is repeated in each of three segments refers to the segment before once, and then to the same segment.
  @Test func eachSegmentRefersToEarlierOnesOnlyForWhatItLacks() {
    let chunker = ContentChunker(average: 4096)
    let (part, segment) = (random(65_536, 11), 10 * 65_536)
    let file = Array(repeatElement(part, count: 30).joined())
    // Chunks end where a segment does.
    var content = ChunkedContent()
    for start in stride(from: 0, to: file.count, by: segment) {
      let piece = chunked(Array(file[start..<start + segment]), chunker)
      content.lengths += piece.lengths
      content.digests += piece.digests
    }
    let plan = DuplicatePlan([content], shortestRun: 16_384) { _ in UInt64(segment) }
    check([file], plan, minimum: 1)
    let inside = plan.runs[0].filter { $0.sourceStart / UInt64(segment) == $0.start / UInt64(segment) }
    let others = plan.runs[0].filter { $0.sourceStart / UInt64(segment) != $0.start / UInt64(segment) }
    #expect(inside.count == 3 && others.count <= 2)
    #expect(others.allSatisfy { $0.length <= 65_536 + UInt64(chunker.maximum) })
    for run in plan.runs[0] {
      #expect(run.start / UInt64(segment) == (run.start + run.length - 1) / UInt64(segment))
    }
    #expect(plan.savedBytes > UInt64(file.count - 65_536 - 6 * chunker.maximum))
  }

  @Test func whatIsForgottenLeavesNoCuts() {
    let chunker = ContentChunker(average: 4096)
    let (a, b, c) = (random(100_000, 6), random(60_000, 7), random(50_000, 8))
    let files = [a + b + c, random(20_000, 9) + b, c + random(30_000, 10)]
    let plan = DuplicatePlan(files.map { chunked($0, chunker) }, shortestRun: 16_384)
    #expect(plan.runs.map(\.count) == [0, 1, 1] && plan.cuts[0].count == 2)
    var one = plan
    one.keep { content, _ in content == 2 }
    check(files, one, minimum: 1024)
    #expect(one.runs == [[], [], plan.runs[2]])
    #expect(one.cuts == [[plan.runs[2][0].sourceStart], [], []])
    #expect(one.savedBytes == plan.runs[2][0].length)
    one.keep { _, _ in false }
    #expect(one.runs == [[], [], []] && one.cuts == [[], [], []] && one.savedBytes == 0)
  }

  @Test(arguments: 0..<40) func randomMosaicsHold(seed: UInt64) {
    var state = seed &* 977 &+ 5
    func next(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % below
    }
    let pieces = (0..<6).map { random(500 + next(40_000), UInt64($0) &+ seed &* 100) }
    let files = (0..<12).map { _ in
      (0..<next(6)).flatMap { _ -> [UInt8] in
        let piece = pieces[next(6)]
        let from = next(3) == 0 ? next(piece.count) : 0
        return Array(piece[from...])
      }
    }
    let chunker = ContentChunker(average: 2048)
    check(files, DuplicatePlan(files.map { chunked($0, chunker) }, shortestRun: 4096), minimum: 512)
  }
}

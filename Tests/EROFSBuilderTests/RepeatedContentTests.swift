// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

/// Files that repeat themselves: disk images, logs, and zeros. Each image is read back and compared when it is made.
@Suite struct RepeatedContentTests {
  let folder = Folder()

  private func image(
    of files: [[UInt8]], extentLimit: Int? = nil, threads: Int? = nil, order: [String] = [], name: String = "image"
  ) throws -> BuildSummary {
    var tree = Tree()
    for (number, bytes) in files.enumerated() {
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    options.extentLimit = extentLimit
    options.dedupes = true
    options.threads = threads
    options.uuid = .bytes(Array(repeating: 7, count: 16))
    if !order.isEmpty { options.order = try FileOrder(Array(order.joined(separator: "\n").utf8), name: "list") }
    return try ImageBuilder(options).build(tree, at: FilePath(folder(name)))
  }

  /// An index of 8 bytes for each block, what is repeated once, a part of it in each segment of 16 MiB until the cuts are
  /// those of the first time, and a few blocks for the rest.
  private func limit(_ bytes: Int, once: Int) -> UInt64 {
    let segments = (bytes + (16 << 20) - 1) / (16 << 20)
    return UInt64(bytes / 4096 * 8 + once + segments * 65_536 + 16_384)
  }

  @Test(arguments: [40, 200, 640]) func noiseThatIsRepeatedIsStoredOnce(times: Int) throws {
    var random = Random(61)
    let part = (0..<65_536).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let bytes = Array(repeatElement(part, count: times).joined())
    #expect(try image(of: [bytes]).imageBytes <= limit(bytes.count, once: part.count))
  }

  /// It is not repeated at the same place of a block.
  @Test func textThatIsRepeatedIsStoredOnce() throws {
    var random = Random(67)
    let part = (0..<100_001).map { _ in UInt8(97 + random.below(4)) }
    let bytes = Array(repeatElement(part, count: 360).joined())
    #expect(try image(of: [bytes]).imageBytes <= limit(bytes.count, once: part.count / 2))
  }

  @Test func shortExtentsOfZerosAreStoredOnce() throws {
    let bytes = [UInt8](repeating: 0, count: 20 << 20)
    #expect(try image(of: [bytes], extentLimit: 65_536).imageBytes <= limit(bytes.count, once: 4096))
  }

  private func noise(_ count: Int, _ random: inout Random) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// Its second half, and what another file has of both. The image does not depend on the number of threads.
  @Test func whatIsRepeatedInAnotherSegmentIsStoredOnce() throws {
    var random = Random(71)
    let part = noise(20 << 20, &random)
    let files = [part + noise(102_400, &random) + part, Array(part[..<(4 << 20)]) + noise(50_000, &random)]
    let one = try image(of: files, threads: 1, name: "one")
    #expect(one.imageBytes <= limit(files[0].count + files[1].count, once: part.count + 150_000))
    _ = try image(of: files, threads: 3, name: "three")
    #expect(try bytes(of: folder("one")) == bytes(of: folder("three")))
  }

  /// Listed files stay in the order of the list: what is listed later may refer to what is listed earlier only.
  @Test func filesInPartsStayInTheOrderOfAList() throws {
    var random = Random(73)
    let part = noise(9 << 20, &random)
    let files = [noise(8192, &random), part + part, noise(8192, &random), noise(8192, &random)]
    let summary = try image(of: files, order: ["f2", "f1", "f3"])
    #expect(summary.imageBytes <= limit(files[1].count, once: part.count + 3 * 8192))
    let image = try bytes(of: folder("image"))
    let starts = try [2, 1, 3, 0].map { try #require(image.range(of: Data(files[$0][..<4096]))?.lowerBound) }
    #expect(starts == starts.sorted())
  }

  /// A run of another file's that goes on over the places where a file is divided into parts.
  @Test func runsOfOthersGoOnFromPartToPart() throws {
    var random = Random(79)
    let (part, edge) = (noise(31 << 20, &random), noise(1 << 20, &random))
    let files = [part, edge + part[(1 << 20)...] + edge]
    let once = part.count + edge.count
    #expect(try image(of: files).imageBytes <= limit(files[0].count + files[1].count, once: once))
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Encoders
import HostSupport
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// Tails above 4 GiB in the packed inode.
@Suite struct FarFragmentTests {
  private let folder = Folder()

  /// A compact index cannot say where such a tail is, and the index that can is larger. So inodes that are placed before
  /// the packed inode is written must have room for that.
  @Test(arguments: [false, true]) func inodesHaveRoomForTheirIndex(isFar: Bool) throws {
    var tree = Tree()
    var random = Random(1)
    let noise = (0..<60_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for number in 0..<20 {
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .bytes([UInt8](repeating: UInt8(number), count: 300_000) + noise[..<(40_000 + number)]))
    }
    tree.sort()
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    (options.fragments, options.compressesDirectories) = (.tails, true)
    // What is listed first is packed first.
    options.order = try FileOrder(Array("/".utf8), name: "list")
    let order = InodeOrder(tree)
    let build = BuildContext(
      options: options, tree: tree, order: order, storage: StorageOrder(options.order, tree, order),
      output: try OutputFile(FilePath(folder("image"))))
    var sink = BlockSink(build.output, position: 4096, offset: 0)
    var progress = ProgressReporter { _ in true }
    var contents = try ContentPass(build)
    try contents.run(&sink, &progress)
    if isFar { _ = contents.reserveFragment(of: 5 << 30, owner: 0) }
    var metadata = try MetadataPass(build, FileDigests(), epoch: Time(seconds: 0))
    try metadata.placeEarly(after: sink.position, &contents)
    try metadata.place(after: sink.position, contents, packed: nil, superblockEnd: 1152)
    var forms: Set<String> = []
    let bodies = try (0..<order.count).map { number -> Range<UInt64> in
      let body = try metadata.body(of: number)
      if number > 0, case .file(let index) = body.index { forms.insert("\(index.layout)") }
      let count = body.byteCount(isCompact: true) + body.tail.byteCount
      return metadata.positions[number]..<metadata.positions[number] + UInt64(count)
    }
    #expect(forms == [isFar ? "\(DataLayout.compressedFull)" : "\(DataLayout.compressedCompact)"])
    let sorted = bodies.sorted { $0.lowerBound < $1.lowerBound }
    for (one, next) in zip(sorted, sorted.dropFirst()) { #expect(one.upperBound <= next.lowerBound) }
  }
}

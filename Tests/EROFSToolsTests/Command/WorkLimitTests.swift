// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTools
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Images of a megabyte or two that ask for hours of work, or for gigabytes of memory, by saying the same thing often.
@Suite struct WorkLimitTests {
  let folder = TemporaryFolder()

  private func name(_ number: Int, _ offset: Int, _ kind: InodeKind) -> CraftedImage.Name {
    CraftedImage.Name(name: Array("n\(100000 + number)".utf8), nid: CraftedImage.nid(at: offset), kind: kind)
  }

  /// 10,000 directories with the same 20,000 names in each.
  private func sharedDirectories() throws -> String {
    var image = CraftedImage()
    let file = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o100644, size: 0))
    let content = CraftedImage.directory((0..<20000).map { name($0, file, .regular) })
    let data = image.add(content, alignment: 4096)
    let directory = CraftedImage.inode(
      .flatPlain, mode: 0o040755, size: UInt64(content.count), union: UInt32(data / 4096), links: 2)
    let places = (0..<10000).map { _ in image.addInode(directory) }
    return try folder.write(image.complete(places.enumerated().map { name($0, $1, .directory) }), "image")
  }

  /// 2,000 files of 200,000 holes each, whose chunk tables are one: behind xattr areas of different sizes.
  private func sharedIndex() throws -> String {
    var image = CraftedImage()
    let count = 2000
    let start = image.add([], alignment: 4096)
    let inodeBytes = ExtendedInodeRecord.byteCount
    let places = (0..<count).map { number in
      let areaBytes = inodeBytes * (count - 1 - number) + 16
      return image.add(
        CraftedImage.inode(
          .chunked, mode: 0o100644, size: 200_000 * 4096, union: CraftedImage.chunkUnion(shift: 0),
          attributeCount: XattrHeaderRecord.count(areaBytes: areaBytes)!))
    }
    #expect(places[count - 1] == start + inodeBytes * (count - 1))
    // The last one's area, and zeros up to the table.
    image.add([UInt8](repeating: 0, count: 32) + CraftedImage.chunkTable(repeatElement(HoleBlock.low, count: 225_000)))
    return try folder.write(image.complete(places.enumerated().map { name($0, $1, .regular) }), "image")
  }

  /// An attribute without a name or a value, of 4 bytes.
  private static let emptyAttribute = XattrEntry(XattrNameIndex(raw: 2), name: [], value: []).bytes
  /// What follows an inode, so that its xattr area starts with zeros: no shared attributes, and no entries.
  private static let gap = [UInt8](repeating: 0, count: 1 << Int(InodeSlot.shift))

  /// Files with 49,000 empty attributes each, which are the same ones.
  private func sharedAttributes() throws -> String {
    var image = CraftedImage()
    let file = CraftedImage.inode(.flatPlain, mode: 0o100644, size: 0, attributeCount: .max)
    let places = (0..<1000).map { _ in image.addInode(file + Self.gap) }
    for _ in 0..<100_000 { image.add(Self.emptyAttribute) }
    return try folder.write(image.complete(places.enumerated().map { name($0, $1, .regular) }), "image")
  }

  /// Directories with the same 49,000 attributes each, and behind them some that not even their owner may write to.
  static func sharedDirectoryAttributes() -> [UInt8] {
    var image = CraftedImage()
    let empty = image.add(CraftedImage.directory([]), alignment: 4096)
    let file = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o100644, size: 0))
    let files = CraftedImage.directory([
      CraftedImage.Name(name: Array("file".utf8), nid: CraftedImage.nid(at: file), kind: .regular)
    ])
    let content = image.add(files, alignment: 4096)
    func directory(_ mode: UInt16, _ bytes: [UInt8], _ at: Int, attributeCount: UInt16 = 0) -> [UInt8] {
      CraftedImage.inode(
        .flatPlain, mode: 0o040000 | mode, size: UInt64(bytes.count), union: UInt32(at / 4096), links: 2,
        attributeCount: attributeCount)
    }
    let closed = (0..<10).map { number in
      CraftedImage.Name(
        name: Array("closed-\(number)".utf8),
        nid: CraftedImage.nid(at: image.addInode(directory(0o500, files, content))), kind: .directory)
    }
    let inner = CraftedImage.directory(closed)
    let innerAt = image.add(inner, alignment: 4096)
    let outer = image.addInode(directory(0o755, inner, innerAt))
    let bomb = directory(0o755, CraftedImage.directory([]), empty, attributeCount: .max)
    let places = (0..<100).map { _ in image.addInode(bomb + Self.gap) }
    for _ in 0..<100_000 { image.add(Self.emptyAttribute) }
    let names = places.enumerated().map {
      CraftedImage.Name(name: Array("n\($0 + 100)".utf8), nid: CraftedImage.nid(at: $1), kind: .directory)
    }
    return image.complete(
      names + [CraftedImage.Name(name: Array("z".utf8), nid: CraftedImage.nid(at: outer), kind: .directory)])
  }

  /// A tree of directories with one in each.
  private func deepTree(_ depth: Int) throws -> String {
    var image = CraftedImage()
    func offset(_ level: Int) -> Int { 8192 + level / 24 * 4096 + level % 24 * 160 }
    for level in 0..<depth {
      var names = [CraftedImage.Name(name: [0x2E], nid: CraftedImage.nid(at: offset(level)), kind: .directory)]
      let above = level == 0 ? CraftedImage.rootNID : CraftedImage.nid(at: offset(level - 1))
      names.append(CraftedImage.Name(name: [0x2E, 0x2E], nid: above, kind: .directory))
      if level + 1 < depth { names.append(name(0, offset(level + 1), .directory)) }
      let content = CraftedImage.directory(names)
      let inode = CraftedImage.inode(.flatInline, mode: 0o040755, size: UInt64(content.count), links: 3)
      image.put(inode + content, at: offset(level))
    }
    return try folder.write(image.complete([name(0, offset(0), .directory)]), "image")
  }

  enum Bomb: CaseIterable { case directories, index, attributes, directoryAttributes }

  private func make(_ bomb: Bomb) throws -> String {
    switch bomb {
    case .directories: try sharedDirectories()
    case .index: try sharedIndex()
    case .attributes: try sharedAttributes()
    case .directoryAttributes: try folder.write(Self.sharedDirectoryAttributes(), "image")
    }
  }

  /// Said once, whatever each thread comes upon, and nothing of the tree is left.
  @Test(arguments: Bomb.allCases)
  func checkingAndExtractingEnd(bomb: Bomb) throws {
    let path = try make(bomb)
    #expect(try problems(of: path).filter { $0.cause.code == "work-limit" }.count == 1)
    #expect(try problems(of: path, metadataOnly: true).filter { $0.cause.code == "work-limit" }.count == 1)
    let (events, summary) = try extract(path, to: folder("tree"))
    #expect(summary.isStopped)
    #expect(events.filter { "\($0)".contains("far more work") }.count == 1, "\(events.count)")
    #expect(!FileManager.default.fileExists(atPath: folder("tree")))
  }

  /// A file of 20 GiB whose extents are all the same one, of 2 KiB.
  private func decompressionBomb() throws -> String {
    let count = 40960
    let extentBytes = 512 << 10
    var image = CraftedImage()
    image.features |= IncompatibleFeatures.wide48Bit.rawValue
    // One A, a match of nearly all of them one byte back, and five more as the end has to be.
    let rest = extentBytes - 6 - 4 - 15
    var stream: [UInt8] = [0x1F, 0x41, 1, 0] + [UInt8](repeating: 255, count: rest / 255) + [UInt8(rest % 255)]
    stream += [0x50] + [UInt8](repeating: 0x41, count: 5)
    let data = image.add(stream, alignment: 4096)
    let inode = CraftedImage.inode(
      .compressedFull, mode: 0o100644, size: UInt64(count) * UInt64(extentBytes), union: 1)
    let at = image.addInode(inode)
    // Extents of 128 blocks, each with a record of 8 bytes.
    image.add(CraftedImage.extentHeader(recordBytes: 8, clusterBits: 7).bytes)
    var length = EncodedLength(raw: 0)
    length.bytes = UInt32(stream.count)
    length.format = UInt32(Algorithm.lz4.rawValue) + 1
    let record = EncodedExtent.table(
      [EncodedExtent(start: 0, length: length, address: UInt64(data))], recordBytes: 8)
    for _ in 0..<count { image.add(record) }
    return try folder.write(image.complete([name(0, at, .regular)]), "image")
  }

  /// What is too much is known before any of it is written.
  @Test func decompressionBombs() throws {
    let path = try decompressionBomb()
    let reader = try ImageReader(try ImageFile(FilePath(path)))
    #expect(try reader.inode(at: "/n100000".utf8).size == 20 << 30)
    #expect(try problems(of: path).map(\.cause.code) == ["work-limit"])
    let (events, summary) = try extract(path, to: folder("tree"))
    #expect(summary.isStopped && summary.contentBytes == 0)
    #expect(events.count == 1)
    guard case .failure(_, .content(let bytes, let imageBytes)) = try #require(events.first) else {
      Issue.record("\(events)")
      return
    }
    #expect(bytes > 1 << 30 && imageBytes < 1 << 20)
    #expect("\(events[0])".contains("far more than"))
    #expect(!FileManager.default.fileExists(atPath: folder("tree")))
    // And that there is a way to have it all.
    let running = try Command.start(
      Command.find("env")!, ["--default-signal=TERM", Command.path, "extract", "--no-limit", path, folder("tree")])
    func writtenBytes() -> Int {
      let files = FileManager.default.enumerator(atPath: folder("tree"))?.allObjects as? [String] ?? []
      var status = stat()
      return files.reduce(0) { stat(folder("tree") + "/" + $1, &status) == 0 ? $0 + Int(status.st_blocks) * 512 : $0 }
    }
    while running.process.isRunning, writtenBytes() < 10 << 20 { usleep(1000) }
    kill(running.process.processIdentifier, SIGTERM)
    #expect(try running.finish().status == -SIGTERM)
    #expect(!FileManager.default.fileExists(atPath: folder("tree")))
  }

  @Test(arguments: [
    ["info"], ["ls", "-R"], ["ls", "-R", "--json"], ["fsck"], ["dump", "--statistics"], ["plan"], ["simulate"],
  ])
  func commandsEnd(words: [String]) throws {
    let path = try sharedDirectories()
    let outcome = try Command.run(Command.path, [words[0], path] + words.dropFirst())
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("--no-limit"), "\(outcome.errors.prefix(1000))")
  }

  /// What the limit is for is not what somebody asks for.
  @Test func withoutTheLimit() throws {
    var image = CraftedImage()
    let file = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o100644, size: 0))
    // More names than an image of this size has, all of them right.
    let content = CraftedImage.directory((0..<30000).map { name($0, file, .regular) })
    let data = image.add(content, alignment: 4096)
    let directory = CraftedImage.inode(
      .flatPlain, mode: 0o040755, size: UInt64(content.count), union: UInt32(data / 4096), links: 2)
    let places = (0..<12).map { _ in image.addInode(directory) }
    let path = try folder.write(image.complete(places.enumerated().map { name($0, $1, .directory) }), "image")
    #expect(try Command.run(Command.path, ["info", path]).status == 1)
    let outcome = try Command.run(Command.path, ["info", "--json", "--no-limit", path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let info = try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any]
    #expect(info?["names"] as? Int == 360_013)
  }

  /// Content that is the same bytes again and again, which takes steps for each byte even where hardly any is stored.
  @Test(arguments: [
    ("lz4hc-16k-full-index", false), ("libdeflate-32k-tail", false), ("zstd-48bit-64k", false),
    ("lzma-1k-64k-tail", true),
  ])
  func decodingCounts(name: String, isSlow: Bool) throws {
    let image = try ReferenceImages.open(name)
    let size = try ImageReader(image).inode(at: "/contents/zeros-300000".utf8).size
    for (steps, isEnough) in [(isSlow ? 7 * size : size / 2, false), (16 * size, true)] {
      let reader = try ImageReader(image, limit: WorkLimit(steps: steps, names: 0))
      let inode = try reader.inode(at: "/contents/zeros-300000".utf8)
      var given: UInt64 = 0
      do throws(ImageReader.PieceError<Never>) { given = try reader.forEachPiece(of: inode) { _, _ in } } catch {
        guard case .image(.unsupported(.work, _)) = error else { Issue.record("\(error)"); continue }
      }
      #expect(given == (isEnough ? size : 0))
      #expect(reader.limit?.isExceeded == !isEnough)
    }
  }

  /// An extent counts when it is decoded, not each time that a few of its bytes are read: an ordinary image may be read in
  /// small steps.
  @Test func smallStepsCountWhatLargeOnesDo() throws {
    let image = try ReferenceImages.open("lzma-1k-64k-tail")
    var counts: [UInt64] = []
    for step in [1 << 20, 512] {
      let most: UInt64 = 1 << 40
      let limit = WorkLimit(steps: most, names: 0)
      let reader = try ImageReader(image, limit: limit)
      var cursor = reader.open(try ImageReader(image).file(at: "/contents/zeros-300000"))
      var bytes = 0
      while !cursor.isAtEnd { bytes += try cursor.read(count: step).count }
      #expect(bytes == 300_000)
      counts.append(most - limit.steps)
    }
    // A step has a cost of its own.
    #expect(counts[1] - counts[0] <= 300_000 / 512 * 1100, "\(counts)")
  }

  /// Paths of a deep tree take memory with the square of its depth.
  @Test(arguments: [["info"], ["ls", "-R"], ["fsck"], ["dump", "--statistics"], ["plan"]])
  func deepTrees(words: [String]) throws {
    let path = try deepTree(20_000)
    let outcome = try Command.run(Command.path, [words[0], path] + words.dropFirst())
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("longer than 16384 bytes"))
    #expect(outcome.output.count < 40_000_000)
  }
}

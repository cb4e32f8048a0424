// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import TreeSupport

/// Reproducible random numbers.
struct Random: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: Int) { state = UInt64(seed) &* 0x2545_F491_4F6C_DD1D }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  mutating func isTrue(oneIn count: Int) -> Bool { below(count) == 0 }
}

/// Contents of every kind that encoders treat differently.
func content(_ random: inout Random, upTo limit: Int) -> [UInt8] {
  let sizes = [0, 1, 31, 511, 512, 4000, 4032, 4095, 4096, 4097, 8192, 8193, 65_536]
  var size = random.isTrue(oneIn: 2) ? sizes[random.below(sizes.count)] : random.below(limit)
  size = min(size, limit)
  switch random.below(6) {
  case 0: return (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  case 1: return [UInt8](repeating: 0, count: size)
  case 2: return (0..<size).map { UInt8(truncatingIfNeeded: $0 / 7) }
  case 3:
    // Parts that compress and parts that do not.
    var bytes: [UInt8] = []
    while bytes.count < size {
      let part = min(size - bytes.count, 1 + random.below(20_000))
      let isNoise = random.isTrue(oneIn: 2)
      bytes += (0..<part).map { isNoise ? UInt8(truncatingIfNeeded: random.next()) : UInt8($0 % 97) }
    }
    return bytes
  default:
    let words = (0..<200).map { _ in (0..<1 + random.below(8)).map { _ in UInt8(97 + random.below(26)) } + [32] }
    var bytes: [UInt8] = []
    while bytes.count < size { bytes += words[min(random.below(200), random.below(200))] }
    return Array(bytes.prefix(size))
  }
}

/// A tree with inodes of all kinds, odd times, large ids, attributes, hard links, equal files.
func randomTree(
  _ random: inout Random, entries: Int, upTo limit: Int, hasEmptyAttributes: Bool = true
) throws -> Tree {
  var tree = Tree()
  var directories = [Tree.root]
  var files: [Tree.EntryID] = []
  func metadata(_ kind: InodeKind) -> Metadata {
    var metadata = Metadata(kind: kind, permissions: UInt16(random.below(0o10000)))
    metadata.user = random.isTrue(oneIn: 6) ? UInt32(truncatingIfNeeded: random.next()) : 0
    metadata.group = random.isTrue(oneIn: 6) ? 70_000 : 5
    let seconds: [Int64] = [0, 1_700_000_000, 1_700_000_000, 1_700_000_001, -5, 1 << 33]
    metadata.time = Time(
      seconds: seconds[random.below(seconds.count)], nanoseconds: random.isTrue(oneIn: 4) ? 999_999_999 : 0)
    if kind == .characterDevice || kind == .blockDevice {
      metadata.device = EROFSTree.DeviceNumber(major: UInt32(random.below(4096)), minor: UInt32(random.below(1 << 20)))
    }
    return metadata
  }
  func attributes() -> [ExtendedAttribute] {
    if !random.isTrue(oneIn: 4) { return [] }
    var attributes: [ExtendedAttribute] = []
    if random.isTrue(oneIn: 2) {
      attributes.append(ExtendedAttribute("security.selinux", Array("u:object_r:etc_t\0".utf8)))
    }
    if random.isTrue(oneIn: 3) { attributes.append(ExtendedAttribute("trusted.overlay.origin", [1, 2, 3])) }
    for number in 0..<random.below(4) {
      let count = max(random.below(300), hasEmptyAttributes ? 0 : 1)
      attributes.append(ExtendedAttribute("user.a\(number)", (0..<count).map { UInt8($0 % 251) }))
    }
    return attributes.sorted()
  }
  for number in 0..<entries {
    let parent = directories[random.below(directories.count)]
    let long = random.isTrue(oneIn: 10) ? String(repeating: "x", count: random.below(240)) : ""
    let name = Array("\(["!", "-", "a", "z", "é"][random.below(5)])\(number)\(long)".utf8)
    switch random.below(14) {
    case 0, 1: directories.append(try tree.put(name, in: parent, metadata(.directory), attributes: attributes()))
    case 2:
      let target = (0..<1 + random.below(random.isTrue(oneIn: 5) ? 4000 : 60)).map { _ in UInt8(97 + random.below(26)) }
      try tree.put(name, in: parent, metadata(.symbolicLink), target: target)
    case 3: try tree.put(name, in: parent, metadata([.fifo, .socket, .characterDevice, .blockDevice][random.below(4)]))
    case 4 where !files.isEmpty: try tree.link(name, in: parent, to: tree.inode(of: files[random.below(files.count)]))
    case 5 where !files.isEmpty:
      let same = try contents(
        String(decoding: tree.path(of: files[random.below(files.count)]), as: UTF8.self), in: tree)
      files.append(try tree.put(name, in: parent, metadata(.regular), content: .bytes(same)))
    case 6 where !files.isEmpty:
      // A part of another file after something else.
      let path = tree.path(of: files[random.below(files.count)])
      let same = try contents(String(decoding: path, as: UTF8.self), in: tree)
      let part = same.dropFirst(random.below(same.count / 4 + 1))
      let bytes = content(&random, upTo: 10_000) + part + content(&random, upTo: 10_000)
      files.append(try tree.put(name, in: parent, metadata(.regular), content: .bytes(bytes)))
    default:
      files.append(
        try tree.put(
          name, in: parent, metadata(.regular), content: .bytes(content(&random, upTo: limit)),
          attributes: attributes()
        ))
    }
  }
  tree.sort()
  return tree
}

/// Options that go together.
func randomOptions(_ random: inout Random) throws -> BuildOptions {
  var options = BuildOptions()
  options.blockSize = [4096, 4096, 4096, 512, 1024, 16_384, 65_536][random.below(7)]
  if random.isTrue(oneIn: 5) {
    options.chunkSize = options.blockSize << random.below(4)
    options.hasChunkIndexes = random.isTrue(oneIn: 2)
  } else if !random.isTrue(oneIn: 5) {
    let cluster = min(options.blockSize << random.below(7), 1 << 20)
    options.clusterSize = cluster
    let algorithm = Encoding.Algorithm.allCases[random.below(Encoding.Algorithm.allCases.count)]
    options.encodings = [try Encoding(algorithm, clusterSize: cluster)]
    if random.isTrue(oneIn: 4) {
      let other = Encoding.Algorithm.allCases[random.below(Encoding.Algorithm.allCases.count)]
      options.encodings.append(try Encoding(other, clusterSize: cluster))
      options.secondEncoding = .init(within: [0, 10, 100][random.below(3)])
      // Two of one format do not go together.
      if (try? options.check()) == nil { options.secondEncoding = nil }
    }
    options.packsTails = random.isTrue(oneIn: 2)
    options.fragments = [.none, .none, .tails, .all][random.below(4)]
    options.index = [.compact, .compact, .full][random.below(3)]
    if random.isTrue(oneIn: 3) { options.extentLimit = max(options.blockSize, 4096 << random.below(8)) }
    if !options.packsTails, random.isTrue(oneIn: 4) { options.index = .encoded }
    options.compressesDirectories = random.isTrue(oneIn: 3)
    if random.isTrue(oneIn: 4) {
      options.wideAddresses = true
      options.metabox = BuildOptions.Metabox(
        clusterSize: min(options.blockSize << random.below(3), 1 << 20),
        encoding: random.isTrue(oneIn: 2) ? try Encoding(.zstd) : nil)
    }
  }
  options.dedupes = random.isTrue(oneIn: 2)
  options.wideAddresses = options.wideAddresses || options.index == .encoded || random.isTrue(oneIn: 4)
  options.omitsDots = options.wideAddresses && random.isTrue(oneIn: 2)
  options.inlinesData = !random.isTrue(oneIn: 4)
  options.inodes = random.isTrue(oneIn: 5) ? .extended : .automatic
  options.sharedAttributeThreshold = random.below(3)
  options.hasAttributeFilter = random.isTrue(oneIn: 2)
  if random.isTrue(oneIn: 3) { options.attributePrefixes = ["trusted.overlay.", "user.a"].map { Array($0.utf8) } }
  if random.isTrue(oneIn: 5) { options.digestAttribute = BuildOptions.usualDigestAttribute }
  options.rootAttributeBytes = random.isTrue(oneIn: 6) ? random.below(600) : 0
  options.hasPlainPrefixes = random.isTrue(oneIn: 4)
  options.hasChecksum = !random.isTrue(oneIn: 4)
  options.threads = 1 + random.below(4)
  options.sizeUnit = random.isTrue(oneIn: 5) ? 7 : 1
  options.dataUnit = random.isTrue(oneIn: 6) ? 2 : 1
  options.offset = random.isTrue(oneIn: 6) ? UInt64(3 * options.blockSize) : 0
  return options
}

/// What `erofs fsck` finds.
func problems(of path: String, offset: UInt64 = 0) throws -> [String] {
  let image = try ImageFile(FilePath(path), offset: offset)
  let found = SynchronizedArray<String>()
  _ = Checker(image, try Superblock(reading: image)) { found.append("\($0)") }.run()
  return found.all
}

func bytes(of path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

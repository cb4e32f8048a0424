// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders

/// An option that is out of its range, or does not go together with another.
public enum OptionError: Error, Hashable, Sendable, CustomStringConvertible {
  case blockSize(Int)
  case clusterSize(Int, blockSize: Int)
  case packedClusterSize(Int, blockSize: Int)
  case metaboxClusterSize(Int, blockSize: Int)
  case extentLimit(Int, blockSize: Int)
  case chunkSize(Int, blockSize: Int)
  case tooManyEncodings(Int)
  /// The second encoding is not among the encodings, or is the first, or of its format.
  case secondEncoding(place: Int, count: Int)
  case secondWithin(Int)
  case volumeName(byteCount: Int)
  case uuid(byteCount: Int)
  case unit(UInt64)
  case offset(UInt64, blockSize: Int)
  case attributePrefix([UInt8])
  case tooManyPrefixes(Int)
  case digestAttribute([UInt8])
  case rootAttributeBytes(Int)
  case deviceTag([UInt8])
  case tooManyDevices(Int)
  /// A line of the compress hints names an algorithm that is not there.
  case hint(line: Int, algorithm: Int, count: Int)
  /// A line of the compress hints has a cluster size that there is not.
  case hintSize(line: Int, Int, blockSize: Int)
  /// The first needs the second.
  case needs(Option, Option)
  /// The two contradict each other.
  case conflict(Option, Option)

  public enum Option: String, Sendable {
    case compression, clusterSize = "a cluster size", packedClusterSize = "a cluster size of the packed inode"
    case extentLimit = "an extent limit", tailPacking = "tail packing", fragments, hints = "compress hints"
    case chunks, chunkIndexes = "chunk indexes", blobDevice = "a blob device", blockList = "a list of blocks"
    case encodedExtents = "encoded extents"
    case devices = "extra devices", referred = "contents that are only referred to", dedupe, digests
    case wideAddresses = "48-bit addresses", omittedDots = "directories without an entry `.`"
    case prefixes = "prefixes of attributes' names"
    case base = "an image that is added to", offset = "an offset", otherBlocks =
      "another block size or width of addresses"
    case metabox = "compressed inodes", compressedDirectories = "compressed directories"
  }

  public var description: String {
    switch self {
    case .blockSize(let size): "block size \(size): it must be a power of two from 512 to 65536"
    case .clusterSize(let size, let block):
      "cluster size \(size): it must be a multiple of the block size, \(block), and at most 1048576"
    case .packedClusterSize(let size, let block):
      "cluster size \(size) of the packed inode: it must be a multiple of the block size, \(block), and at most 1048576"
    case .metaboxClusterSize(let size, let block):
      "cluster size \(size) of compressed inodes: it must be a multiple of the block size, \(block), and at most 1048576"
    case .extentLimit(let size, let block):
      "extent limit \(size): it must be at least the block size, \(block), and at most 12582912"
    case .chunkSize(let size, let block):
      "chunk size \(size): it must be a power of two, at least the block size, \(block), and at most 2^31 times that"
    case .tooManyEncodings(let count): "\(count) compression algorithms: an image has at most 15"
    case .secondEncoding(let place, let count):
      "algorithm \(place) (the first is 0) as the second for all files: "
        + (place < count ? "it must be of another format than the first" : "only \(count) are given")
    case .secondWithin(let percent): "\(percent) percent for the second algorithm: it must be 0 to 1000"
    case .volumeName(let count): "volume name: at most 16 bytes, none of them 0; it has \(count)"
    case .uuid(let count): "UUID: it has 16 bytes, not \(count)"
    case .unit(let unit): "a unit of \(unit) blocks: it must be 1 to 4294967295"
    case .offset(let offset, let block): "offset \(offset): it must be a multiple of the block size, \(block)"
    case .attributePrefix(let prefix):
      "attribute prefix \(String(decoding: prefix, as: UTF8.self)): it must begin with a namespace, as `user.`, and have "
        + "at most 255 bytes after that"
    case .tooManyPrefixes(let count):
      "\(count) attribute prefixes, that of digests included: an image has at most 128"
    case .digestAttribute(let name):
      "attribute \(String(decoding: name, as: UTF8.self)) for digests: it must have 1 to 255 bytes"
    case .rootAttributeBytes(let count):
      "room for \(count) bytes of attributes in the root: the most is 262148"
    case .deviceTag(let tag):
      "tag \(tag.printable) of an extra device: it must have at most 64 bytes, none of them 0"
    case .tooManyDevices(let count): "\(count) extra devices: an image has at most 65535"
    case .hint(let line, let algorithm, let count):
      "line \(line) of the compress hints: algorithm \(algorithm), but only \(count) are given, from 0 on"
    case .hintSize(let line, let size, let block):
      "line \(line) of the compress hints: cluster size \(size): it must be 0, or a multiple of the block size, \(block), "
        + "and at most 1048576: write \(Self.clusters(around: size, block))"
    case .needs(let first, let second): "\(first.rawValue) needs \(second.rawValue)"
    case .conflict(let first, let second): "\(first.rawValue) and \(second.rawValue) cannot be used together"
    }
  }

  private static func clusters(around size: Int, _ block: Int) -> String {
    let most = Encoder.largestCluster / block * block
    let below = min(size / block * block, most)
    return below == 0 ? "\(block)" : below == most ? "\(most)" : "\(below) or \(below + block)"
  }
}

extension BuildOptions {
  /// Whether all values are in their ranges and go together.
  public func check() throws(OptionError) {
    guard (512...65536).contains(blockSize), blockSize & (blockSize - 1) == 0 else { throw .blockSize(blockSize) }
    func isCluster(_ size: Int) -> Bool { size >= blockSize && size <= Encoder.largestCluster && size % blockSize == 0 }
    if let size = clusterSize, !isCluster(size) { throw .clusterSize(size, blockSize: blockSize) }
    if let size = packedClusterSize, !isCluster(size) { throw .packedClusterSize(size, blockSize: blockSize) }
    if let box = metabox, !isCluster(box.clusterSize) {
      throw .metaboxClusterSize(box.clusterSize, blockSize: blockSize)
    }
    for hint in hints?.hints ?? [] where hint.pclusterBytes > 0 && !isCluster(Int(hint.pclusterBytes)) {
      throw .hintSize(line: hint.line, Int(hint.pclusterBytes), blockSize: blockSize)
    }
    if let size = extentLimit, size < blockSize || size > Encoder.longestExtent {
      throw .extentLimit(size, blockSize: blockSize)
    }
    if let size = chunkSize, size < blockSize || size & (size - 1) != 0 || size >> blockShift > 1 << 31 {
      throw .chunkSize(size, blockSize: blockSize)
    }
    guard encodings.count <= 15 else { throw .tooManyEncodings(encodings.count) }
    if let second = secondEncoding {
      guard encodings.indices.dropFirst().contains(second.place),
        encodings[second.place].algorithm.format != encodings[0].algorithm.format
      else { throw .secondEncoding(place: second.place, count: encodings.count) }
      guard (0...1000).contains(second.within) else { throw .secondWithin(second.within) }
    }
    guard volumeName.count <= 16, !volumeName.contains(0) else { throw .volumeName(byteCount: volumeName.count) }
    if case .bytes(let bytes) = uuid, bytes.count != 16 { throw .uuid(byteCount: bytes.count) }
    for unit in [sizeUnit, dataUnit] where unit == 0 || unit > UInt64(UInt32.max) { throw .unit(unit) }
    guard offset % UInt64(blockSize) == 0, offset <= 1 << 62 else { throw .offset(offset, blockSize: blockSize) }
    for prefix in attributePrefixes where AttributeName(prefix)?.rest.count ?? 256 > 255 {
      throw .attributePrefix(prefix)
    }
    let prefixCount = attributePrefixes.count + (digestAttribute == nil ? 0 : 1)
    guard prefixCount <= Self.mostAttributePrefixes else { throw .tooManyPrefixes(prefixCount) }
    if let name = digestAttribute {
      let text = AttributeName(name).map { $0.rest.count } ?? name.count
      guard (1...255).contains(text), !name.contains(0) else { throw .digestAttribute(name) }
    }
    guard (0...262_148).contains(rootAttributeBytes) else { throw .rootAttributeBytes(rootAttributeBytes) }
    for device in devices where device.tag.count > 64 || device.tag.contains(0) { throw .deviceTag(device.tag) }
    guard devices.count <= 65535 else { throw .tooManyDevices(devices.count) }
    try checkCombinations()
  }

  /// What a tree with `Content.referred` permits.
  func check(_ tree: Tree) throws(OptionError) {
    guard tree.hasReferredContents else { return }
    for (isSet, option) in [(isCompressed, Option.compression), (dedupes, .dedupe), (digestAttribute != nil, .digests)]
    where isSet {
      throw .conflict(.referred, option)
    }
  }

  /// Prefixes of attributes' names that an image can have, that of digests included.
  public static var mostAttributePrefixes: Int { 128 }

  private typealias Option = OptionError.Option

  private func checkCombinations() throws(OptionError) {
    let withoutCompression: [(Bool, OptionError.Option)] = [
      (clusterSize != nil, .clusterSize), (packedClusterSize != nil, .packedClusterSize),
      (extentLimit != nil, .extentLimit), (packsTails, .tailPacking), (fragments != .none, .fragments),
      (hints != nil, .hints), (index == .encoded, .encodedExtents), (metabox != nil, .metabox),
      (compressesDirectories, .compressedDirectories),
    ]
    for (isSet, option) in withoutCompression where isSet && !isCompressed { throw .needs(option, .compression) }
    if packedClusterSize != nil, fragments == .none { throw .needs(.packedClusterSize, .fragments) }
    if index == .encoded, !wideAddresses { throw .needs(.encodedExtents, .wideAddresses) }
    if metabox != nil, !wideAddresses { throw .needs(.metabox, .wideAddresses) }
    if omitsDots, !wideAddresses { throw .needs(.omittedDots, .wideAddresses) }
    if hasChunkIndexes, chunkSize == nil { throw .needs(.chunkIndexes, .chunks) }
    if blobDevice != nil, chunkSize == nil { throw .needs(.blobDevice, .chunks) }
    if blobDevice != nil, blockList != nil { throw .conflict(.blobDevice, .blockList) }
    if !devices.isEmpty, blobDevice != nil { throw .conflict(.devices, .blobDevice) }
    if !devices.isEmpty, isCompressed { throw .conflict(.devices, .compression) }
    if index == .encoded, packsTails { throw .conflict(.encodedExtents, .tailPacking) }
    if chunkSize != nil, isCompressed { throw .conflict(.chunks, .compression) }
    if let base { try check(base) }
  }

  private func check(_ base: ImageBase) throws(OptionError) {
    let superblock = base.origin.superblock
    let fragmentsTwice = fragments != .none && superblock.packedNID != 0
    let conflicts: [(Bool, Option)] = [
      (offset != 0, .offset), (metabox != nil, .metabox), (compressesDirectories, .compressedDirectories),
      (digestAttribute != nil, .digests), (deviceCount > 0, .devices), (fragmentsTwice, .fragments),
      (!attributePrefixes.isEmpty, .prefixes),
      (
        blockSize != superblock.blockSize || wideAddresses != superblock.incompatible.contains(.wide48Bit),
        .otherBlocks
      ),
    ]
    for (isSet, option) in conflicts where isSet { throw .conflict(.base, option) }
  }
}

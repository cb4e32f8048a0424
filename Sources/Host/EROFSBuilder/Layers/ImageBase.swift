// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import HostSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An image that a build adds to, instead of making one from the start.
///
/// All its bytes stay where they are. A regular file of it that the tree still has as it was keeps its inode too; whatever
/// else the tree has (other files, and all directories, because they hold other NIDs) is written behind its end. The
/// superblock is changed last.
///
///     let base = try ImageBase("root.erofs")
///     var tree = try base.read()
///     try tree.addLayer(changes)
///     var options = BuildOptions()
///     base.adapt(&options)
///     try ImageBuilder(options).build(tree, at: "root.erofs")
public struct ImageBase: Sendable {
  public let origin: ImageOrigin
  private let contents: ImageContents

  /// Opens the image.
  ///
  /// - Parameter path: a regular file.
  /// - Throws: ``LayerError`` also if nothing can be added to it: an image with extra devices, whose addresses begin where
  ///   it ends, or with compressed inodes.
  public init(_ path: FilePath) throws(LayerError) {
    // What is behind the end is not kept, so nothing may be there that files have.
    origin = try ImageOrigin(path).withoutRest()
    contents = ImageContents(origin)
    let superblock = origin.superblock
    if !origin.devices.isEmpty {
      throw LayerError(path, "nothing can be added to it: it has extra devices, whose addresses begin where it ends")
    }
    if superblock.incompatible.contains(.metabox) {
      throw LayerError(path, "nothing can be added to it: its inodes are compressed")
    }
    guard end >= UInt64(SuperblockUpdate.headBytes(blockSize: superblock.blockSize)), start <= end else {
      throw LayerError(path, "nothing can be added to it: its superblock does not say where it ends, or says it wrong")
    }
  }

  /// The tree that the image has; the contents of its files are read from it where they are needed.
  ///
  /// - Throws: ``LayerError`` for what a tree cannot have, or an image is corrupt.
  public func read() throws(LayerError) -> Tree {
    do {
      var reading = LayerReading(try ImageLayer(origin, isDevice: false), number: 1, .copied, contents)
      var tree = try reading.read()
      tree.sort()
      return tree
    } catch let error as LayerError { throw error } catch { throw LayerError(origin.path, "\(error)") }
  }

  /// Sets what the image decides on: its block size, the width of its addresses, what all its inodes have in common.
  ///
  /// - Parameter options: get this image as their ``BuildOptions/base``.
  /// - Returns: what had to be changed though it was wanted, in sentences.
  @discardableResult
  public func adapt(_ options: inout BuildOptions) -> [String] {
    let superblock = origin.superblock
    var changes: [String] = []
    func drop(_ isSet: Bool, _ what: String, _ change: () -> Void) {
      if isSet { changes.append("\(what): not in what is added to an image") }
      change()
    }
    options.base = self
    options.blockSize = superblock.blockSize
    options.wideAddresses = superblock.incompatible.contains(.wide48Bit)
    if !options.wideAddresses, options.index == .encoded { options.index = .compact }
    if !options.wideAddresses { options.omitsDots = false }
    drop(!options.keepsTimes, "one time for all inodes") { options.keepsTimes = true }
    options.hasAttributeFilter = superblock.compatible.contains(.xattrFilter)
    options.hasChecksum = superblock.compatible.contains(.superblockChecksum)
    // The pool of shared attributes stays, and ids count from its start.
    if options.sharedAttributeThreshold != nil { options.sharedAttributeThreshold = .max }
    drop(!options.attributePrefixes.isEmpty, "prefixes of attributes' names") { options.attributePrefixes = [] }
    drop(options.digestAttribute != nil, "digests of contents") { options.digestAttribute = nil }
    drop(options.metabox != nil, "compressed inodes") { options.metabox = nil }
    drop(options.compressesDirectories, "compressed directories") { options.compressesDirectories = false }
    if superblock.packedNID != 0 {
      // There is one packed inode in an image.
      drop(options.fragments != .none, "fragments, of which the image has some") { options.fragments = .none }
      options.packedClusterSize = nil
    }
    if options.volumeName.isEmpty {
      let name = superblock.volumeName
      options.volumeName = Array(
        [name.0, name.1].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(8 * $0)) } }
          .prefix { $0 != 0 })
    }
    return changes
  }

  // MARK: What the build needs

  /// Puts all its bytes at the start of a file, sharing them where the file system can do that.
  ///
  /// - Parameter progress: is called with the bytes that are done.
  func copy(to output: OutputFile, progress: (UInt64) throws -> Void) throws {
    guard let file = origin.image.descriptor else { preconditionFailure("an image that was opened by its path") }
    try output.copy(file, count: end, progress: progress)
  }

  /// Whether its path leads to another file than the one that was opened, or to none. Who writes into that file itself is not
  /// found out.
  func hasChanged() -> Bool {
    guard let file = origin.image.descriptor else { return true }
    var (opened, now) = (stat(), stat())
    guard fstat(file.rawValue, &opened) == 0, origin.path.withPlatformString({ stat($0, &now) }) == 0 else {
      return true
    }
    return opened.st_ino != now.st_ino || opened.st_dev != now.st_dev
  }

  /// Byte of the image where it ends, at a block's end.
  var end: UInt64 { origin.superblock.blockCount * UInt64(origin.superblock.blockSize) }
  /// Byte of the image from which NIDs count.
  var start: UInt64 { UInt64(origin.superblock.metadataBlock) * UInt64(origin.superblock.blockSize) }
  /// The time of compact inodes.
  var epoch: Time {
    Time(seconds: origin.superblock.epoch, nanoseconds: min(origin.superblock.fixedNanoseconds, 999_999_999))
  }

  /// The NID of the file in this image that a content of the tree is; nil for other contents.
  func nid(of inode: Tree.InodeID, in tree: Tree) -> UInt64? {
    guard let (store, number) = tree.foreign(of: inode), store === contents else { return nil }
    return number
  }

  /// The bytes of the root's inode, its attributes and what follows it, which no other root needs; nil if they are not all
  /// in the image.
  func rootSlot() -> Range<UInt64>? {
    let reader = origin.reader()
    guard let root = try? reader.volume.inode(origin.superblock.rootNID), case .device(0, let first) = root.position
    else { return nil }
    let head = root.isExtended ? ExtendedInodeRecord.byteCount : CompactInodeRecord.byteCount
    var length = UInt64(head + root.xattrBytes)
    if root.layout == .flatInline { length += root.size % UInt64(origin.superblock.blockSize) }
    let last = (first + length + 31) / 32 * 32
    return last <= end ? first..<last : nil
  }
}

/// Inodes that stay where they are in the image that a build adds to.
struct KeptInodes {
  /// By number of the inode.
  private(set) var nids: [Int: UInt64] = [:]
  /// Whether the content of one of them is compressed.
  private(set) var hasCompressed = false

  init() {}

  /// Those regular files of the base of which nothing has changed.
  init(_ base: ImageBase, _ tree: Tree, _ order: InodeOrder, comparesAttributes: Bool) throws {
    let reader = base.origin.reader()
    for number in 0..<order.count {
      let source = tree.inode(of: order.entries[number])
      guard tree.kind(of: source) == .regular, let nid = base.nid(of: source, in: tree) else { continue }
      let inode = try reader.volume.inode(nid)
      let wanted = tree[source]
      let (seconds, nanoseconds) = inode.modificationTime
      guard inode.kind == .regular, inode.permissions == wanted.permissions, inode.userID == wanted.user,
        inode.groupID == wanted.group, inode.linkCount == order.links[number], seconds == wanted.time.seconds,
        nanoseconds == wanted.time.nanoseconds
      else { continue }
      if comparesAttributes {
        let found = try reader.attributes(of: inode, includingHidden: true).filter { !$0.isDigest }
          .map { ExtendedAttribute(name: $0.name, value: $0.value) }.sorted()
        guard found == tree.attributes(of: source) else { continue }
      }
      nids[number] = nid
      if inode.layout == .compressedFull || inode.layout == .compressedCompact { hasCompressed = true }
    }
  }
}

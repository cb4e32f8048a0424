// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTar
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

/// What is worth a warning, or with `--strict` an error.
final class MkfsWarnings {
  private let isStrict: Bool
  private let show: (String) -> Void
  private(set) var all: [String] = []

  init(isStrict: Bool, show: @escaping (String) -> Void) {
    self.isStrict = isStrict
    self.show = show
  }

  func add(_ text: String) throws {
    if isStrict { throw CommandError("\(text) (--strict)") }
    all.append(text)
    show(text)
  }
}

extension MkfsRequest {
  /// The source's tree with all changes made.
  ///
  /// - Parameter options: get what follows from the source: the extra devices that it consists of.
  func readTree(_ warnings: MkfsWarnings, _ options: inout BuildOptions) throws -> Tree {
    try checkOutputs()
    var edits = try completeEdits()
    let strips = edits.stripsOverlayMetadata
    // The source's whiteouts are for what the image has.
    if addsToImage { edits.stripsOverlayMetadata = false }
    let base = addsToImage ? try openBase(warnings, &options) : nil
    var tree = try readSource(edits.exclusions, warnings, &options)
    do throws(TreeError) { try edits.apply(to: &tree) } catch { throw CommandError("\(error)") }
    try dropUnknownAttributes(of: &tree, warnings)
    try omitContents(of: &tree, warnings, &options)
    guard let base else { return tree }
    do {
      var all = try base.read()
      try all.addLayer(tree)
      if strips { all.stripOverlayMetadata() }
      return all
    } catch { throw CommandError("\(error)") }
  }

  /// Leaves out what --clean or --incremental says.
  private func omitContents(of tree: inout Tree, _ warnings: MkfsWarnings, _ options: inout BuildOptions) throws {
    // Images say themselves how much room their contents need.
    guard let omission, options.reserved == nil || map != nil else { return }
    for (isSet, option) in [(goal != nil, "a search"), (options.digestAttribute != nil, "--xattr-inode-digest")]
    where isSet {
      throw MkfsError.usage("\(omission.option) and \(option) cannot be used together: no contents are read")
    }
    if !options.encodings.isEmpty {
      try warnings.add("-z has no effect with \(omission.option): contents are not stored")
      options.dropCompression()
    }
    options.dedupes = false
    tree.omitContents(leaving: omission.rest)
    if omission.rest == .room, options.reserved == nil { options.reserved = BuildOptions.ReservedContents() }
  }

  /// The output, as what is added to; the options get what it decides on.
  private func openBase(_ warnings: MkfsWarnings, _ options: inout BuildOptions) throws -> ImageBase {
    let base: ImageBase
    do { base = try ImageBase(output.filePath) } catch { throw CommandError("\(error)") }
    if hasBlockSize, options.blockSize != base.origin.superblock.blockSize {
      try warnings.add("-b has no effect with --incremental: the image has its block size")
    }
    for text in base.adapt(&options) { try warnings.add("left out: \(text)") }
    return base
  }

  func readHints() throws -> CompressHints? {
    try hints.map { try CompressHints($0.contents(), name: $0.description) }
  }

  func readOrder() throws -> FileOrder? {
    try order.map { try FileOrder($0.contents(), name: $0.description) }
  }

  /// A list is often older than the tree, so what is no longer there is one warning.
  func check(_ order: FileOrder, in tree: Tree, _ warnings: MkfsWarnings) throws {
    let missing = order.entries(in: tree).missing
    guard let first = missing.first else { return }
    let others = missing.count > 1 ? " (\(missing.count) paths of the list do not)" : ""
    try warnings.add("left out: \(first)\(others)")
  }

  private func completeEdits() throws -> TreeEdits {
    var edits = edits
    for file in excludedPaths { edits.exclusions.add(pathsFrom: try file.contents()) }
    for file in excludedPatterns {
      try edits.exclusions.add(patternsFrom: file.contents(), name: file.description)
    }
    if let file = ownerTable {
      var table = try OwnerTable(file.contents(), name: file.description)
      table.mountPoint = mountPoint
      edits.ownerTable = table
    }
    if !fileContexts.isEmpty {
      var labels = FileContexts()
      for file in fileContexts { try labels.add(file.contents(), name: file.description) }
      labels.mountPoint = mountPoint
      edits.labels = labels
    }
    return edits
  }

  // MARK: The source

  private func readSource(
    _ exclusions: Exclusions, _ warnings: MkfsWarnings, _ options: inout BuildOptions
  ) throws -> Tree {
    if case .images(let paths) = source {
      if let other = try paths.first(where: { try !isImage($0) }) {
        throw MkfsError.unsupported(.otherSources, by: "\(other)")
      }
      return try readImages(paths, warnings, &options)
    }
    if case .path(let path) = source, try isImage(path) { return try readImages([path], warnings, &options) }
    switch source {
    case .images: preconditionFailure("images that were read already")
    case .tar(let archive): return try readTar(archive, nil, warnings, &options)
    case .list(let list, let base):
      try warnOfWhiteouts(warnings)
      let directory = try base.map { try $0.opened([.directory]) } ?? RawArgument(argument: ".")!.opened([.directory])
      let origin = ListOrigin(try list.contents(), name: list.description, base: directory)
      let tree: Tree
      do throws(TreeError) { tree = try origin.read() } catch { throw CommandError(text(of: error)) }
      try checkOutputs(besides: tree)
      return tree
    case .cpio(let archive):
      try warnOfWhiteouts(warnings)
      return try readArchive(archive, try archive.opened([.nonBlocking]))
    case .path(let path):
      let file = try path.opened([.nonBlocking])
      switch try path.status(of: file).st_mode & S_IFMT {
      case S_IFDIR:
        try warnOfWhiteouts(warnings)
        return try readDirectory(path, file, exclusions, warnings)
      case S_IFREG:
        if try looksLikeTar(path, file) { return try readTar(path, file, warnings, &options) }
        try warnOfWhiteouts(warnings)
        return try readArchive(path, file)
      default: throw Self.unsuitable(path)
      }
    }
  }

  private func warnOfWhiteouts(_ warnings: MkfsWarnings) throws {
    if convertsWhiteouts { try warnings.add("--aufs has no effect on this source: it is for tar archives") }
  }

  private static func unsuitable(_ path: RawArgument) -> CommandError {
    CommandError(
      "\(path): a source is a directory, a tar archive, a cpio archive of the format newc or an EROFS image, and this is "
        + "none")
  }

  private func readArchive(_ path: RawArgument, _ file: OpenFile) throws -> Tree {
    do throws(TreeError) { return try CpioOrigin(file).read() } catch { throw CommandError("\(path): \(error)") }
  }

  /// A tar archive, from standard input if `path` is nil.
  private func readTar(
    _ path: RawArgument?, _ file: OpenFile?, _ warnings: MkfsWarnings, _ options: inout BuildOptions
  ) throws -> Tree {
    do {
      let file = try file ?? path?.opened([]) ?? OpenFile(owning: FileDescriptor.standardInput.duplicate().rawValue)
      let index = try gzipIndex.map { try GzipIndex($0.filePath) }
      var origin = try TarOrigin(
        file, besideOutputAt: output.filePath, copyingPlainTo: plainTar?.filePath, index: index)
      origin.convertsWhiteouts = convertsWhiteouts
      switch tarContents {
      case .stored: break
      case .absent: origin.contents = .absent
      case .referred:
        let size = options.blockSize
        origin.contents = map == nil ? .referred(blockSize: size) : .mapped(blockSize: size)
      }
      if tarContents == .referred, origin.isCompressed, index == nil {
        try warnings.add(
          "the image refers to the archive as it is when it is decompressed, and so it must be stored: --ungzip=FILE writes it"
        )
      }
      let device = plainTar ?? (origin.isReadInPlace ? path : nil)
      let (tree, byteCount) = try origin.readWithSize()
      try index?.finish()
      if tarContents == .referred, map == nil {
        // Linux wants at least a block.
        let blocks = max(1, byteCount / UInt64(options.blockSize))
        options.devices = [BuildOptions.ExtraDevice(blocks: blocks, path: device?.filePath)]
      }
      return tree
    } catch let error as CommandError { throw error } catch {
      throw CommandError("\(path.map { "\($0)" } ?? "standard input"): \(error)")
    }
  }

  /// A regular file or a block device with an image's superblock.
  private func isImage(_ path: RawArgument) throws -> Bool {
    let file = try path.opened([.nonBlocking])
    guard [S_IFREG, S_IFBLK].contains(try path.status(of: file).st_mode & S_IFMT) else { return false }
    return try Self.start(of: file, 1028).dropFirst(1024).elementsEqual([0xE2, 0xE1, 0xF5, 0xE0])
  }

  /// As many bytes as there are.
  private static func start(of file: OpenFile, _ count: Int) throws -> [UInt8] {
    var start = [UInt8](repeating: 0, count: count)
    let count = try start.withUnsafeMutableBytes {
      try FileDescriptor(rawValue: file.descriptor).read(fromAbsoluteOffset: 0, into: $0)
    }
    return Array(start.prefix(count))
  }

  /// Looks whether a regular file is what can be read, so that it is not taken for a broken archive: a tar archive, or else
  /// one of cpio.
  private func looksLikeTar(_ path: RawArgument, _ file: OpenFile) throws -> Bool {
    let start = try Self.start(of: file, 512)
    if start.starts(with: "070701".utf8) || start.starts(with: "070702".utf8) { return false }
    if start.dropFirst(257).starts(with: "ustar".utf8) { return true }
    throw Self.unsuitable(path)
  }

  private func readDirectory(
    _ path: RawArgument, _ file: OpenFile, _ exclusions: Exclusions, _ warnings: MkfsWarnings
  ) throws -> Tree {
    var origin = DirectoryOrigin(file)
    origin.readsAttributes = options.sharedAttributeThreshold != nil
    origin.skipsAttribute = { (try? warnings.add("left out: \(text(of: $0))")) != nil }
    if let threads = options.threads { origin.threads = threads }
    let own = try outputPaths(in: path, exclusions, warnings)
    if !own.isEmpty || !exclusions.isEmpty { origin.includes = { !own.contains($0) && !exclusions.matches($0) } }
    do throws(TreeError) { return try origin.read() } catch {
      throw CommandError(error.isOfSource ? text(of: error) : "\(path): \(error)")
    }
  }

  // MARK: Attributes

  private static let namespaces: [[UInt8]] = Attribute.Namespace.allCases.filter { $0 != .hidden }
    .map { Array("\($0.prefix)".utf8) }

  private static func canHold(_ name: [UInt8]) -> Bool { namespaces.contains { name.starts(with: $0) } }

  /// Images number the namespaces of attributes, and some of Linux's have no number.
  private func dropUnknownAttributes(of tree: inout Tree, _ warnings: MkfsWarnings) throws {
    // Mostly there is none, and then nothing has to be searched.
    if tree.attributeNames.allSatisfy(Self.canHold) { return }
    let before = tree
    var seen: Set<Tree.InodeID> = []
    for (entry, path) in before.walk() {
      let inode = before.inode(of: entry)
      guard seen.insert(inode).inserted else { continue }
      let attributes = before.attributes(of: inode)
      let kept = attributes.filter { Self.canHold($0.name) }
      if kept.count == attributes.count { continue }
      for attribute in attributes where !Self.canHold(attribute.name) {
        let place = placeInDirectory?(path) ?? [0x2F] + path
        try warnings.add(
          "\(place.printable): left out: images cannot hold the extended attribute \(attribute.name.printable)")
      }
      tree.setAttributes(kept, of: inode)
    }
  }
}

extension RawArgument {
  fileprivate func opened(_ options: FileDescriptor.OpenOptions) throws -> OpenFile {
    do {
      let file = try FileDescriptor.open(filePath, .readOnly, options: options.union(.closeOnExec))
      return OpenFile(owning: file.rawValue)
    } catch { throw CommandError("\(self): \(error)") }
  }

  fileprivate func status(of file: OpenFile) throws -> stat {
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else { throw CommandError("\(self): \(Errno(rawValue: errno))") }
    return status
  }

  /// All bytes of the file, which may be a pipe.
  fileprivate func contents() throws -> [UInt8] {
    let file = try opened([])
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65536)
    do {
      while true {
        let count = try part.withUnsafeMutableBytes { try FileDescriptor(rawValue: file.descriptor).read(into: $0) }
        if count == 0 { return bytes }
        bytes += part[..<count]
      }
    } catch { throw CommandError("\(self): \(error)") }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import Synchronization
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Extracts a tree of an image to a directory, once: what it counts, and ``stop()``, belong to that one extraction.
///
/// Nothing outside the directory is touched, whatever the image and the directory contain: names are single names, and
/// no symbolic link is followed. If the directory is empty, the tree is written to a temporary directory in it, which
/// only its owner can enter, and renamed when it is complete; otherwise each file has a temporary name until it is
/// complete. So no name ever refers to a part of a file.
public final class Extractor: Sendable {
  public struct Options: Sendable {
    public var preservesOwner = geteuid() == 0
    /// Permissions as in the image; otherwise the umask applies, and set-id bits are cleared.
    public var preservesPermissions = geteuid() == 0
    public var preservesAttributes = true
    /// Replaces existing files, and merges with existing directories.
    public var overwrites = false
    /// Ends early if an image takes more work than its size can justify; see ``WorkLimit``.
    public var isLimited = true
    public var threads = Threads.available
    public init() {}
  }

  let image: ImageFile
  let superblock: Superblock
  let options: Options
  let progress: Progress
  let log: ExtractLog
  let limit: WorkLimit?
  /// The permission bits that this process's umask allows.
  let unmasked: UInt16
  let user = geteuid()
  let group = getegid()

  /// - Parameters:
  ///   - image: the open image.
  ///   - options: what is kept and replaced.
  ///   - report: called with each event, from any thread but never from two at the same time.
  /// - Throws: if it is no EROFS image, or one that needs what this version does not have.
  public convenience init(
    _ image: ImageFile, options: Options = Options(), report: @escaping @Sendable (ExtractEvent) -> Void = { _ in }
  ) throws(EROFSError) {
    self.init(image, try Superblock(reading: image), options: options, report: report)
  }

  /// - Parameters:
  ///   - image: the open image.
  ///   - superblock: the superblock of `image`.
  ///   - options: what is kept and replaced.
  ///   - report: called with each event, from any thread but never from two at the same time.
  public convenience init(
    _ image: ImageFile, _ superblock: Superblock, options: Options = Options(),
    report: @escaping @Sendable (ExtractEvent) -> Void
  ) {
    self.init(image, superblock, options: options, progress: Progress(), report: report)
  }

  package init(
    _ image: ImageFile, _ superblock: Superblock, options: Options = Options(), progress: Progress,
    report: @escaping @Sendable (ExtractEvent) -> Void
  ) {
    self.image = image
    self.superblock = superblock
    self.options = options
    self.progress = progress
    log = ExtractLog(report)
    limit = options.isLimited ? WorkLimit(for: image) : nil
    unmasked = UInt16(truncatingIfNeeded: ~FileCreationMask.current & 0o777)
  }

  /// Extracts an inode: the content of a directory into `directory`, anything else to `directory`/`name`.
  ///
  /// - Parameters:
  ///   - root: the inode.
  ///   - name: the name for it if it is not a directory.
  ///   - directory: created if it does not exist; its parent must exist.
  /// - Throws: if the directory cannot be used at all, and `resourceBusy` if this extractor has been used before. Errors with
  ///   single files are reported and counted instead.
  public func run(_ root: EROFS.Inode, name: [UInt8], into directory: FilePath) throws(Errno) -> ExtractSummary {
    guard log.begin() else { throw .resourceBusy }
    return try perform(root, name: name, into: directory)
  }

  func perform(_ root: EROFS.Inode, name: [UInt8], into directory: FilePath) throws(Errno) -> ExtractSummary {
    let reader = ImageReader(image, superblock, limit: limit)
    let (target, isMade, isEmpty) = try openTarget(directory)
    defer {
      close(target)
      if isMade, log.isStopped { _ = directory.withPlatformString { rmdir($0) } }
    }
    var scanner = TreeScanner(reader, isStrict: false, isWhole: false) { [self] problem in
      log.fail(problem.path ?? [], .image(problem.cause))
    }
    scanner.scan(root, while: { [log] in !log.isStopped })
    var tree = scanner.tree
    if let limit { checkContent(of: tree, limit, reader) }
    if log.isStopped { return log.summary }
    if root.kind != .directory {
      tree.nodes[0] = ScannedTree.Node(parent: -1, name: name, inode: root, first: 0, pathBytes: name.count)
    }
    if isEmpty {
      try runStaged(tree, target, reader)
    } else {
      Extraction(self, tree, into: target, isMerging: true).run(reader)
    }
    return log.summary
  }

  /// Ends the run before anything is written where the files have more content than the limit allows.
  private func checkContent(of tree: ScannedTree, _ limit: WorkLimit, _ reader: ImageReader) {
    let files = tree.nodes.indices.filter { tree.nodes[$0].first == $0 && tree.nodes[$0].inode.kind == .regular }
    func sum(_ total: UInt64, _ more: UInt64) -> UInt64 { more > .max - total ? .max : total + more }
    let sizes = files.reduce(0) { sum($0, tree.nodes[$1].inode.size) }
    // Only where that is too much are the holes looked for.
    guard sizes > limit.contentBytes else { return }
    var content: UInt64 = 0
    for file in files {
      var offset: UInt64 = 0
      do throws(EROFSError) {
        while let extent = try reader.extent(of: tree.nodes[file].inode, at: offset) {
          if log.isStopped { return }
          if extent.place != .hole { content = sum(content, extent.length) }
          offset = extent.end
          guard content <= limit.contentBytes else {
            return log.fail([], .content(atLeast: content, imageBytes: image.byteCount))
          }
        }
      } catch {
        // What a file's index has wrong is found again when the file is extracted.
        if case .unsupported(.work, _) = error { return log.fail(tree.path(of: file), .image(.image(error))) }
      }
    }
  }

  /// Opens the directory, made where it does not exist, and finds out whether something is in it.
  private func openTarget(_ path: FilePath) throws(Errno) -> (Int32, isMade: Bool, isEmpty: Bool) {
    do {
      // The path is the caller's: where it leads through symbolic links, it is meant to.
      let made: Bool
      if path.withPlatformString({ mkdir($0, 0o700) }) == 0 {
        made = true
      } else if errno == EEXIST {
        made = false
      } else {
        throw Errno(rawValue: errno)
      }
      let file = try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec]).rawValue
      return (file, made, try made || Self.names(in: file).isEmpty)
    } catch let error as Errno {
      throw error
    } catch { throw .ioError }
  }

  /// The names in a directory, but `.` and `..`.
  static func names(in directory: Int32) throws(Errno) -> [[UInt8]] {
    let copy = try HostFile.openDirectory(at: directory, [0x2E])
    guard let stream = fdopendir(copy) else {
      let error = Errno(rawValue: errno)
      close(copy)
      throw error
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
      if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
    }
    return names
  }

  private func runStaged(_ tree: ScannedTree, _ target: Int32, _ reader: ImageReader) throws(Errno) {
    let stage = Array(".erofs-extract-\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 16))".utf8)
    try HostFile.makeDirectory(at: target, stage)
    let folder: Int32
    do throws(Errno) {
      folder = try HostFile.openDirectory(at: target, stage)
      // A group that is handed down would reach the whole tree.
      try HostFile.setMode(.open(folder), 0o700)
    } catch {
      try? HostFile.remove(at: target, stage, isDirectory: true)
      throw error
    }
    defer { close(folder) }
    let extraction = Extraction(self, tree, into: folder, isMerging: false)
    extraction.run(reader)
    guard log.commit() else {
      extraction.removeAll()
      do throws(Errno) { try HostFile.remove(at: target, stage, isDirectory: true) } catch {
        log.fail(stage, .system(error, doing: "removing the temporary directory"))
        log.noteRemains()
      }
      return
    }
    do throws(Errno) {
      var moved: Set<[UInt8]> = []
      for name in try Self.names(in: folder) {
        do throws(Errno) {
          try HostFile.rename(folder, name, to: target, name)
          moved.insert(name)
        } catch {
          log.fail(name, .system(error, doing: "renaming it"))
        }
      }
      extraction.finishMovedDirectories(moved, in: target, reader)
      try HostFile.remove(at: target, stage, isDirectory: true)
    } catch { log.fail(stage, .system(error, doing: "removing the temporary directory")) }
    if tree.nodes[0].inode.kind == .directory { extraction.finishRoot(target, reader) }
  }

  /// Ends a run early, from any thread or a signal handler: what was in an empty directory by then is removed again.
  public func stop() { log.stop() }
}

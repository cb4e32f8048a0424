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

/// One run of an extraction: directories first, then what is in them on all threads, then further names of files, and
/// last what belongs to the directories themselves, their times above all.
final class Extraction: Sendable {
  let extractor: Extractor
  let tree: ScannedTree
  let root: Int32
  /// Whether there are things in the target already.
  let isMerging: Bool
  /// Nodes that are not there.
  private let missing = Mutex<Set<Int>>([])
  private var log: ExtractLog { extractor.log }

  init(_ extractor: Extractor, _ tree: ScannedTree, into root: Int32, isMerging: Bool) {
    self.extractor = extractor
    self.tree = tree
    self.root = root
    self.isMerging = isMerging
  }

  var isStopped: Bool { log.isStopped }

  func run(_ reader: ImageReader) {
    var directories = DirectoryCache(tree, root: root)
    makeDirectories(&directories)
    extractFiles(reader)
    makeFurtherNames(&directories)
    finishDirectories(reader)
    if isMerging, tree.nodes[0].inode.kind == .directory { finishRoot(root, reader) }
    if isMerging, !log.commit() { log.noteRemains() }
  }

  /// Removes all that may have been made, from the bottom up.
  func removeAll() {
    var directories = DirectoryCache(tree, root: root)
    // Those that have their permissions already may not let even their owner take anything out of them.
    for index in tree.nodes.indices where index > 0 && tree.nodes[index].inode.kind == .directory {
      guard let parent = try? directories.descriptor(of: tree.nodes[index].parent) else { continue }
      try? HostFile.setMode(.named(parent, tree.nodes[index].name), 0o700)
    }
    for index in tree.nodes.indices.reversed() where index > 0 || tree.nodes[0].inode.kind != .directory {
      let node = tree.nodes[index]
      guard let parent = try? directories.descriptor(of: node.parent) else { continue }
      directories.forget(index)
      try? HostFile.remove(at: parent, node.name, isDirectory: node.inode.kind == .directory)
    }
  }

  /// Gives the target directory what belongs to the tree's root.
  func finishRoot(_ directory: Int32, _ reader: ImageReader) {
    if !log.isStopped { finish(.open(directory), 0, reader) }
  }

  func isMissing(_ node: Int) -> Bool { missing.withLock { $0.contains(node) } }

  func fail(_ node: Int, _ failure: ExtractFailure) {
    missing.withLock { _ = $0.insert(node) }
    // Once it has stopped, what fails does so because of that.
    if log.isStopped { return }
    log.fail(tree.path(of: node).isEmpty ? tree.nodes[node].name : tree.path(of: node), failure)
  }

  /// A device that may not be made is missing, but that is no failure.
  func leaveOutDevice(_ node: Int, _ error: Errno) {
    missing.withLock { _ = $0.insert(node) }
    log.leaveOut(.device, tree.path(of: node), error)
  }

  /// Says nothing where a directory above has failed already.
  private func parentIsMissing(_ node: Int) -> Bool {
    missing.withLock { missing in
      guard missing.contains(tree.nodes[node].parent) else { return false }
      missing.insert(node)
      return true
    }
  }

  // MARK: Directories

  private func makeDirectories(_ directories: inout DirectoryCache) {
    var made = 0
    for (index, node) in tree.nodes.enumerated() where index > 0 && node.inode.kind == .directory {
      guard !log.isStopped, !parentIsMissing(index) else { continue }
      do throws(Errno) {
        try makeDirectory(node.name, in: try directories.descriptor(of: node.parent))
        made += 1
      } catch { fail(index, error == .fileExists ? .exists : .system(error, doing: "creating the directory")) }
    }
    log.count(names: made, bytes: 0)
  }

  private func makeDirectory(_ name: [UInt8], in parent: Int32) throws(Errno) {
    do throws(Errno) { try HostFile.makeDirectory(at: parent, name) } catch {
      guard isMerging, error == .fileExists, let status = try HostFile.status(at: parent, name) else { throw error }
      if status.st_mode & S_IFMT == S_IFDIR { return }
      guard extractor.options.overwrites else { throw error }
      try HostFile.remove(at: parent, name)
      try HostFile.makeDirectory(at: parent, name)
    }
  }

  /// Gives directories what belongs to them, now that nothing is made in them any more, which would change their times.
  private func finishDirectories(_ reader: ImageReader) {
    // What not even its owner may enter has to wait for all that is below it: from the bottom up.
    let isEnterable = { [self] (node: Int) in wantedMode(tree.nodes[node].inode) & 0o500 == 0o500 }
    var directories = tree.nodes.indices.filter {
      $0 > 0 && tree.nodes[$0].inode.kind == .directory && !isMovedFirst($0)
    }
    directories.reverse()
    let enterable = WorkList(directories.filter(isEnterable))
    Threads.run(min(max(1, extractor.options.threads), enterable.elements.count)) { [self] in
      var cache = DirectoryCache(tree, root: root)
      let reader = ImageReader(extractor.image, extractor.superblock, limit: extractor.limit)
      while case let part = enterable.take(32), !part.isEmpty {
        for node in part { finishDirectory(node, &cache, reader) }
      }
    }
    var cache = DirectoryCache(tree, root: root)
    for node in directories where !isEnterable(node) { finishDirectory(node, &cache, reader) }
  }

  /// Whether a directory has to get its place in the target before its permissions: one that its owner may not write to
  /// cannot be moved, because that changes its `..`.
  private func isMovedFirst(_ node: Int) -> Bool {
    !isMerging && tree.nodes[node].parent == 0 && wantedMode(tree.nodes[node].inode) & 0o200 == 0
  }

  /// Gives what belongs to them to the directories that had to wait until they had been moved.
  func finishMovedDirectories(_ names: Set<[UInt8]>, in target: Int32, _ reader: ImageReader) {
    var cache = DirectoryCache(tree, root: target)
    for node in tree.nodes.indices where node > 0 && tree.nodes[node].inode.kind == .directory && isMovedFirst(node) {
      if names.contains(tree.nodes[node].name) { finishDirectory(node, &cache, reader) }
    }
  }

  private func finishDirectory(_ node: Int, _ cache: inout DirectoryCache, _ reader: ImageReader) {
    guard !log.isStopped, !isMissing(node) else { return }
    do throws(Errno) {
      finish(.open(try cache.descriptor(of: node)), node, reader)
    } catch { fail(node, .system(error, doing: "opening the directory")) }
  }

  // MARK: Everything else

  private func extractFiles(_ reader: ImageReader) {
    let files = tree.nodes.indices.filter { tree.nodes[$0].inode.kind != .directory && tree.nodes[$0].first == $0 }
    let jobs = DataJobs()
    jobs.add(files, of: tree, reader: reader, maySplit: true)
    jobs.complete()
    let total = files.reduce(UInt64(0)) {
      $0 &+ (tree.nodes[$1].inode.kind == .regular ? tree.nodes[$1].inode.size : 0)
    }
    extractor.progress.begin(total: total)
    defer {
      if log.isStopped { extractor.progress.replace(by: "tidying up") } else { extractor.progress.end() }
    }
    Threads.run(min(max(1, extractor.options.threads), max(1, files.count))) { [self] in
      var writer = FileWriter(self, ImageReader(extractor.image, extractor.superblock, limit: extractor.limit))
      while case let batch = jobs.take(), !batch.isEmpty {
        for job in batch {
          // A file that comes in parts has to see its last one, to be removed.
          if log.isStopped, job.split == nil { continue }
          if !log.isStopped, parentIsMissing(job.node) { continue }
          writer.write(job)
          extractor.progress.advance(by: UInt64(job.range.count))
        }
      }
      log.count(names: writer.names, bytes: writer.bytes)
    }
  }

  private func makeFurtherNames(_ directories: inout DirectoryCache) {
    var made = 0
    for (index, node) in tree.nodes.enumerated() where node.first != index && node.inode.kind != .directory {
      guard !log.isStopped, !parentIsMissing(index), !isMissing(node.first) else { continue }
      let first = tree.nodes[node.first]
      do throws(Errno) {
        // The first descriptor must outlive the search for the second.
        let from = dup(try directories.descriptor(of: first.parent))
        guard from >= 0 else { throw Errno(rawValue: errno) }
        defer { close(from) }
        let parent = try directories.descriptor(of: node.parent)
        do throws(Errno) { try HostFile.link(from, first.name, at: parent, node.name) } catch {
          guard isMerging, extractor.options.overwrites, error == .fileExists else { throw error }
          let name = FileWriter.temporaryName(index)
          try HostFile.link(from, first.name, at: parent, name)
          try HostFile.rename(parent, name, to: parent, node.name)
          // Where both were one file already, renaming does nothing and leaves both names.
          try? HostFile.remove(at: parent, name)
        }
        made += 1
      } catch {
        let work = "linking it to /\(tree.path(of: node.first).printable)"
        fail(index, error == .fileExists ? .exists : .system(error, doing: work))
      }
    }
    log.count(names: made, bytes: 0)
  }

  // MARK: Metadata

  /// Sets owner, permissions, attributes and time, in the order in which none undoes another.
  ///
  /// - Parameter hasMode: the permission bits that the object has; nil where that is not known.
  func finish(_ object: HostFile.Object, _ node: Int, _ reader: ImageReader, hasMode: UInt16? = nil) {
    let inode = tree.nodes[node].inode
    let options = extractor.options
    func attempt(_ part: ExtractPart, _ body: () throws(Errno) -> Void) {
      do throws(Errno) { try body() } catch { log.leaveOut(part, tree.path(of: node), error) }
    }
    var hasMode = hasMode
    if options.preservesOwner,
      isMerging || node == 0 || inode.userID != extractor.user || inode.groupID != extractor.group
    {
      attempt(.owner) { () throws(Errno) in try HostFile.setOwner(object, inode.userID, inode.groupID) }
      if inode.permissions & 0o6000 != 0 { hasMode = nil }
    }
    if options.preservesAttributes, inode.xattrBytes > 0 {
      do throws(EROFSError) {
        for attribute in try reader.attributes(of: inode) {
          try reader.limit?.spendSettingAttribute()
          attempt(.attributes) { () throws(Errno) in
            try HostFile.setAttribute(object, attribute.name, attribute.value)
          }
        }
        // Access lists change the permission bits with them.
        hasMode = nil
      } catch { log.fail(tree.path(of: node), .image(.image(error))) }
    }
    let mode = wantedMode(inode)
    if inode.kind != .symbolicLink, hasMode != mode {
      attempt(.mode) { () throws(Errno) in try HostFile.setMode(object, mode) }
    }
    attempt(.time) { () throws(Errno) in try HostFile.setTime(object, inode.modificationTime) }
  }

  func wantedMode(_ inode: EROFS.Inode) -> UInt16 {
    extractor.options.preservesPermissions ? inode.permissions : inode.permissions & extractor.unmasked
  }
}

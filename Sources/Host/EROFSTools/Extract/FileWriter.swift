// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A large file that several threads write.
final class SplitFile: Sendable {
  struct State {
    var file: Int32 = -1
    var partsLeft: Int
    var hasFailed = false
  }
  let state: Mutex<State>

  init(parts: Int) { state = Mutex(State(partsLeft: parts)) }
}

/// Makes files, one thread's share of them.
struct FileWriter: ~Copyable {
  private let extraction: Extraction
  private let reader: ImageReader
  private var directories: DirectoryCache
  private(set) var names = 0
  private(set) var bytes: UInt64 = 0

  private var tree: ScannedTree { extraction.tree }

  init(_ extraction: Extraction, _ reader: ImageReader) {
    self.extraction = extraction
    self.reader = reader
    directories = DirectoryCache(extraction.tree, root: extraction.root)
  }

  /// A name that no other node of this run has; another run's is different by its process.
  static func temporaryName(_ node: Int) -> [UInt8] { Array(".erofs-\(getpid())-\(node)~".utf8) }

  /// The name that a node has until it is whole.
  private func growingName(_ node: Int) -> [UInt8] {
    extraction.isMerging ? Self.temporaryName(node) : tree.nodes[node].name
  }

  mutating func write(_ job: DataJob) {
    do throws(ExtractFailure) {
      if extraction.isStopped, let split = job.split { return abandonPart(job, split) }
      let parent: Int32
      do throws(Errno) { parent = try directories.descriptor(of: tree.nodes[job.node].parent) } catch {
        throw .system(error, doing: "opening its directory")
      }
      if let split = job.split {
        try writePart(job, split, parent)
      } else if tree.nodes[job.node].inode.kind == .regular {
        try writeFile(job, parent)
      } else {
        try makeOther(job.node, parent)
      }
    } catch { extraction.fail(job.node, error) }
  }

  // MARK: Regular files

  private func open(_ node: Int, _ parent: Int32) throws(ExtractFailure) -> Int32 {
    let inode = tree.nodes[node].inode
    try refuseExisting(node, parent)
    let mode = extraction.wantedMode(inode) & 0o777
    let file: Int32
    do throws(Errno) { file = try HostFile.create(at: parent, growingName(node), mode: mode) } catch {
      throw .system(error, doing: "creating it")
    }
    // Whether the file system holds files of that size is to be known before the first gigabytes are written.
    guard inode.size >= Self.largeBytes else { return file }
    do throws(Errno) { try HostFile.setSize(file, inode.size) } catch {
      close(file)
      try? HostFile.remove(at: parent, growingName(node))
      throw .system(error, doing: "setting its size to \(inode.size.grouped) bytes")
    }
    return file
  }

  private static let largeBytes: UInt64 = 1 << 30

  /// Fails before anything is decoded where the name exists already and may not be replaced.
  private func refuseExisting(_ node: Int, _ parent: Int32) throws(ExtractFailure) {
    guard extraction.isMerging, !extraction.extractor.options.overwrites else { return }
    let status: stat?
    do throws(Errno) { status = try HostFile.status(at: parent, tree.nodes[node].name) } catch {
      throw .system(error, doing: "looking for its name")
    }
    if status != nil { throw .exists }
  }

  private mutating func writeFile(_ job: DataJob, _ parent: Int32) throws(ExtractFailure) {
    let file = try open(job.node, parent)
    defer { close(file) }
    do throws(ExtractFailure) {
      try writeData(job, file)
      try complete(job.node, file, parent)
      bytes &+= tree.nodes[job.node].inode.size
    } catch {
      try? HostFile.remove(at: parent, growingName(job.node))
      throw error
    }
  }

  private mutating func writePart(_ job: DataJob, _ split: SplitFile, _ parent: Int32) throws(ExtractFailure) {
    var failure: ExtractFailure?
    // Whoever comes first makes the file; the others wait for that.
    let file: Int32? = split.state.withLock { state in
      if state.hasFailed { return nil }
      if state.file >= 0 { return state.file }
      if extraction.isStopped {
        failure = .stopped
        state.hasFailed = true
        return nil
      }
      do throws(ExtractFailure) { state.file = try open(job.node, parent) } catch {
        failure = error
        state.hasFailed = true
        return nil
      }
      return state.file
    }
    if let file {
      do throws(ExtractFailure) { try writeData(job, file) } catch { failure = error }
    }
    let last: SplitFile.State? = split.state.withLock { state in
      state.partsLeft -= 1
      if failure != nil { state.hasFailed = true }
      return state.partsLeft == 0 ? state : nil
    }
    if let last, last.file >= 0 {
      if !last.hasFailed {
        do throws(ExtractFailure) {
          try complete(job.node, last.file, parent)
          bytes &+= tree.nodes[job.node].inode.size
        } catch { failure = error }
      }
      close(last.file)
      if last.hasFailed || failure != nil { try? HostFile.remove(at: parent, growingName(job.node)) }
    }
    if let failure { throw failure }
  }

  /// Counts a part that is not written any more; after the last one, the file is removed.
  private mutating func abandonPart(_ job: DataJob, _ split: SplitFile) {
    let last: SplitFile.State? = split.state.withLock { state in
      state.partsLeft -= 1
      state.hasFailed = true
      return state.partsLeft == 0 ? state : nil
    }
    guard let last, last.file >= 0 else { return }
    close(last.file)
    guard let parent = try? directories.descriptor(of: tree.nodes[job.node].parent) else { return }
    try? HostFile.remove(at: parent, growingName(job.node))
  }

  private mutating func writeData(_ job: DataJob, _ file: Int32) throws(ExtractFailure) {
    let size = tree.nodes[job.node].inode.size
    do throws(ImageReader.PieceError<ExtractFailure>) {
      try reader.forEachPiece(of: tree.nodes[job.node].inode, extentsStartingIn: job.range) {
        (offset, piece) throws(ExtractFailure) in
        if extraction.isStopped { throw .stopped }
        do throws(Errno) {
          switch piece {
          case .data(let bytes):
            try HostFile.write(file, bytes, at: offset)
          case .hole(let count):
            // What nothing is written to reads as zeros; at the end only the size says that it is there.
            if offset + count == size { try HostFile.setSize(file, size) }
          }
        } catch { throw .system(error, doing: "writing it") }
      }
    } catch {
      switch error {
      case .image(let error): throw .image(.image(error))
      case .body(let failure): throw failure
      }
    }
  }

  private mutating func complete(_ node: Int, _ file: Int32, _ parent: Int32) throws(ExtractFailure) {
    let mode = extraction.wantedMode(tree.nodes[node].inode)
    let isCertain = mode & ~0o777 == 0 && mode & ~extraction.extractor.unmasked == 0
    extraction.finish(.open(file), node, reader, hasMode: isCertain ? mode : nil)
    try publish(node, parent)
  }

  /// Gives a node that is whole its name.
  private mutating func publish(_ node: Int, _ parent: Int32) throws(ExtractFailure) {
    guard extraction.isMerging else {
      names += 1
      return
    }
    let (temporary, name) = (Self.temporaryName(node), tree.nodes[node].name)
    do throws(Errno) {
      if extraction.extractor.options.overwrites {
        try HostFile.rename(parent, temporary, to: parent, name)
      } else {
        // Linking, unlike renaming, replaces nothing.
        try HostFile.link(parent, temporary, at: parent, name)
        try? HostFile.remove(at: parent, temporary)
      }
    } catch {
      try? HostFile.remove(at: parent, temporary)
      throw error == .fileExists ? .exists : .system(error, doing: "renaming it")
    }
    names += 1
  }

  // MARK: What has no data

  private mutating func makeOther(_ node: Int, _ parent: Int32) throws(ExtractFailure) {
    let inode = tree.nodes[node].inode
    try refuseExisting(node, parent)
    let name = growingName(node)
    var target: [UInt8] = []
    if inode.kind == .symbolicLink {
      do throws(EROFSError) { target = try reader.target(of: inode) } catch { throw .image(.image(error)) }
      if target.isEmpty { throw .image(.emptyTarget) }
      if target.contains(0) { throw .image(.zeroInTarget) }
    }
    do throws(Errno) {
      switch inode.kind {
      case .symbolicLink: try HostFile.makeSymbolicLink(at: parent, name, to: target)
      case .fifo: try HostFile.makeFIFO(at: parent, name)
      default:
        let number = inode.deviceNumber ?? DeviceNumber(major: 0, minor: 0)
        try HostFile.makeNode(
          at: parent, name, mode: UInt32(inode.kind.mode) | 0o600, major: number.major, minor: number.minor)
      }
    } catch {
      // Only the superuser may make devices; who is not does without them.
      if inode.deviceNumber != nil, error == .notPermitted {
        return extraction.leaveOutDevice(node, error)
      }
      throw .system(error, doing: "creating it")
    }
    extraction.finish(.named(parent, name), node, reader)
    try publish(node, parent)
  }
}

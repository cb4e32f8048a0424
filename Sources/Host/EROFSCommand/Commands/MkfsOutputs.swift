// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

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

extension MkfsRequest {
  private struct Output {
    let file: RawArgument
    let what: String
    var isImage: Bool { what == "image" }

    /// - Parameter source: what would be lost.
    func refusal(_ source: String) -> CommandError { CommandError("\(file): the \(what) cannot replace \(source)") }
  }

  /// All files that are written.
  private var outputs: [Output] {
    let files: [(RawArgument?, String)] = [
      (output, "image"), (blobDevice, "blob device"), (blockList, "list of blocks"), (map, "map of blocks"),
      (diskDescriptor, "disk descriptor"), (plainTar, "decompressed archive"), (gzipIndex, "index of the archive"),
    ]
    return files.compactMap { file, what in file.map { Output(file: $0, what: what) } }
  }

  /// Refuses what would destroy a file that is read, or one of two that are written. What is in a directory or in a list is
  /// not known yet.
  func checkOutputs() throws {
    let outputs = outputs
    for (index, later) in outputs.enumerated() {
      guard let place = later.file.filePath.place else { continue }
      for earlier in outputs[..<index] where earlier.file.filePath.place == place {
        throw CommandError("\(later.file): the \(later.what) and the \(earlier.what) cannot be the same file")
      }
    }
    let inputs = sourceFiles.map { ($0, "the source") } + settings.map { ($0, "what \($1) reads") }
    for output in outputs {
      guard let real = output.file.filePath.real else { continue }
      for (input, what) in inputs where input.filePath.real == real {
        if output.isImage, what == "the source" { throw CommandError("\(input): an image cannot be made of itself") }
        throw output.refusal(what)
      }
    }
  }

  /// Those on the command line: of a directory, what is in it comes later.
  private var sourceFiles: [RawArgument] {
    switch source {
    case .path(let path), .cpio(let path), .list(let path, base: _): [path]
    case .images(let paths): paths
    case .tar(let path): path.map { [$0] } ?? []
    }
  }

  /// Files that say how the image shall be, and the options that name them.
  private var settings: [(RawArgument, String)] {
    let single: [(RawArgument?, String)] = [
      (hints, "--compress-hints"), (order, "--order"), (ownerTable, "--fs-config-file"),
    ]
    return single.compactMap { file, option in file.map { ($0, option) } }
      + excludedPaths.map { ($0, "--exclude-path-from") } + excludedPatterns.map { ($0, "--exclude-regex-from") }
      + fileContexts.map { ($0, "--file-contexts") }
  }

  /// Refuses what would replace a file whose content the tree of a list names.
  func checkOutputs(besides tree: Tree) throws {
    var existing: [(output: Output, real: FilePath, inode: UInt64)] = []
    for output in outputs {
      var status = stat()
      guard let real = output.file.filePath.real, real.withPlatformString({ stat($0, &status) }) == 0 else { continue }
      existing.append((output, real, UInt64(status.st_ino)))
    }
    if existing.isEmpty { return }
    for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
      guard case .path(let location, from: _, let state)? = tree.content(of: tree.inode(of: entry)) else { continue }
      // Another name of the same file stays what it is.
      for file in existing where file.inode == state.inode && Self.path(place(ofLocation: location)).real == file.real {
        throw file.output.refusal("a file of the source, the content of /\(path.printable)")
      }
    }
  }

  /// The paths in the tree of what is replaced, as far as it is inside the source. An image of it is not wanted; of all else
  /// nobody can tell whether it is worth anything.
  func outputPaths(
    in source: RawArgument, _ exclusions: Exclusions, _ warnings: MkfsWarnings
  ) throws -> [[UInt8]] {
    guard let inside = source.filePath.real else { return [] }
    var found: [[UInt8]] = []
    for output in outputs {
      guard var path = output.file.filePath.real, path.removePrefix(inside), !path.isEmpty else { continue }
      let bytes = path.withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
      let above = bytes.indices.filter { bytes[$0] == 0x2F }.map { Array(bytes[..<$0]) }
      if (above + [bytes]).contains(where: exclusions.matches) { continue }
      guard output.isImage else {
        throw output.refusal("a file of the source: write it elsewhere, or leave that one out (--exclude-path)")
      }
      found.append(bytes)
      try warnings.add("\(Self.joined(source, bytes).printable): left out: it is the image that is replaced")
    }
    return found
  }

  // MARK: Where files of the source are

  /// What went wrong, with the path of a file as it is on this machine if it is one there.
  func text(of error: TreeError) -> String {
    switch source {
    case .list: return error.description(place: place(ofLocation:))
    default: break
    }
    guard let place = placeInDirectory else { return "\(error)" }
    return error.description(place: place)
  }

  /// The path on this machine of one in the tree; nil if the source is no directory.
  var placeInDirectory: (([UInt8]) -> [UInt8])? {
    var status = stat()
    guard case .path(let root) = source, root.filePath.withPlatformString({ stat($0, &status) }) == 0,
      status.st_mode & S_IFMT == S_IFDIR
    else { return nil }
    return { Self.joined(root, $0) }
  }

  /// The path on this machine of the content that a list names.
  private func place(ofLocation location: [UInt8]) -> [UInt8] {
    guard case .list(_, let base?) = source, location.first != 0x2F else { return location }
    return Self.joined(base, location)
  }

  private static func joined(_ root: RawArgument, _ path: [UInt8]) -> [UInt8] {
    if path.isEmpty { return root.bytes }
    return root.bytes.last == 0x2F ? root.bytes + path : root.bytes + [0x2F] + path
  }

  private static func path(_ bytes: [UInt8]) -> FilePath {
    (bytes + [0]).withUnsafeBytes { FilePath(platformString: $0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import EROFS
import EROFSFirmware
import PageVectors

/// Reads all of an image and says what is in it: the proof that the reader works on this machine.
public struct Report {
  /// Where files are read to.
  let output: MutablePageVector
  /// Memory for the walk.
  let levels: UnsafeMutableRawBufferPointer
  let path: UnsafeMutableRawBufferPointer

  public private(set) var inodes = 0
  public private(set) var failures = 0

  /// - Parameters:
  ///   - output: pages that files are read to, piece by piece.
  ///   - levels, path: as for a `TreeWalk`.
  public init(
    output: MutablePageVector, unsafeLevels levels: UnsafeMutableRawBufferPointer, path: UnsafeMutableRawBufferPointer
  ) {
    self.output = output
    self.levels = levels
    self.path = path
  }

  /// One line for each inode: kind, permissions, user, group, links, size, time, digest, address, path.
  public mutating func run<Source: Storage>(_ files: inout FileSystem<Source>) {
    var walk = TreeWalk(from: files.volume.superblock.rootNID, unsafeLevels: levels, path: path)
    while true {
      do throws(EROFSError) {
        guard let inode = try walk.next(in: &files.volume) else { return }
        inodes += 1
        try describe(inode, walk.currentPath, in: &files)
      } catch {
        // The line so far says whose error it is.
        failures += 1
        Console.write("error ")
        Console.write(error)
        Console.line()
        if case .corrupt = error { continue }
        if case .undecodable = error { continue }
        return
      }
    }
  }

  private func describe<Source: Storage>(
    _ inode: Inode, _ path: UnsafeRawBufferPointer, in files: inout FileSystem<Source>
  ) throws(EROFSError) {
    Console.write(byte: Self.letters.utf8Start[Int(inode.kind.rawValue)])
    Console.write(" ")
    Console.write(permissions: inode.permissions)
    number(UInt64(inode.userID))
    number(UInt64(inode.groupID))
    number(UInt64(inode.linkCount))
    Console.write(" ")
    Console.write(UInt64(inode.size))
    Console.write(" ")
    if inode.modificationTime.seconds < 0 { Console.write("-") }
    Console.write(inode.modificationTime.seconds.magnitude)
    Console.write(".")
    Console.write(UInt64(inode.modificationTime.nanoseconds))
    Console.write(" ")
    switch inode.kind {
    case .regular: try digest(inode, in: &files)
    case .symbolicLink: try target(inode, in: &files)
    case .characterDevice, .blockDevice:
      Console.write(UInt64(inode.deviceNumber?.major ?? 0))
      Console.write(":")
      Console.write(UInt64(inode.deviceNumber?.minor ?? 0))
    default: Console.write("-")
    }
    if inode.kind == .regular, let bytes = try files.bytesInPlace(of: inode) {
      Console.write(" @")
      Console.write(hexadecimal: UInt64(UInt(bitPattern: bytes.baseAddress)), digits: UInt.bitWidth / 4)
    } else {
      Console.write(" -")
    }
    Console.write(" /")
    if path.count > 1 { Console.write(escaped: UnsafeRawBufferPointer(rebasing: path[1...])) }
    Console.line()
  }

  /// By the values of `InodeKind`.
  private static var letters: StaticString { "?fdcbpsl" }

  private func number(_ value: UInt64) {
    Console.write(" ")
    Console.write(value)
  }

  private func digest<Source: Storage>(_ inode: Inode, in files: inout FileSystem<Source>) throws(EROFSError) {
    var hash = SHA256()
    var offset: FileOffset = 0
    while offset < inode.size {
      let count = try files.volume.read(inode, at: offset, into: output)
      guard count > 0 else { break }
      output.prefix(count).readOnly.forEachRun { hash.update($0) }
      offset += FileOffset(count)
    }
    let digest = hash.finish()
    for i in 0..<8 { Console.write(hexadecimal: UInt64(digest[i]), digits: 8) }
  }

  private func target<Source: Storage>(_ inode: Inode, in files: inout FileSystem<Source>) throws(EROFSError) {
    let count = try files.volume.read(inode, at: 0, into: output)
    output.prefix(count).readOnly.forEachRun { Console.write(escaped: $0) }
  }
}

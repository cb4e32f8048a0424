// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import EROFSBuilder
import EROFSTar
import EROFSTools
import EROFSTree
import HostSupport
import SystemPackage

/// A layer, with the devices to which its image refers.
struct LayerStack: Sendable {
  /// From 1 on, in the manifest.
  let number: Int
  let layer: ImageManifest.Layer
  let devices: [ImageManifest.Layer]

  /// The lowest first.
  static func all(of manifest: ImageManifest) throws(LayoutError) -> [LayerStack] {
    var stacks: [LayerStack] = []
    var devices: [ImageManifest.Layer] = []
    for (index, layer) in manifest.layers.enumerated() {
      switch layer.kind {
      case .device: devices.append(layer)
      case .image:
        stacks.append(LayerStack(number: index + 1, layer: layer, devices: devices))
        devices = []
      case .archive:
        guard devices.isEmpty else {
          throw .unusable("layer \(layer.descriptor.digest)", "it is an archive, which refers to no device below it")
        }
        stacks.append(LayerStack(number: index + 1, layer: layer, devices: []))
      }
    }
    return stacks
  }

  /// What `body` throws says which layer it is about.
  func naming<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch BuildError.cancelled { throw LayoutError.cancelled } catch LayoutError.cancelled {
      throw LayoutError.cancelled
    } catch { throw LayoutError.layer(number, digest: "\(layer.descriptor.digest)", error) }
  }
}

/// One layer while it is read.
struct LayerSource {
  private let stack: LayerStack
  private let layout: ImageLayout
  /// From 1 on, of those that images are made of.
  let number: Int
  /// Its image, or else what it waits beside in a file without a name.
  let output: FilePath
  /// For what is decompressed in memory.
  private let room: MemoryRoom
  private let hasThreads: Bool
  /// Bytes that are done, and all; returns false to end it.
  private let progress: @Sendable (UInt64, UInt64) -> Bool

  /// - Parameters:
  ///   - room: memory that all layers share; a layer for which there is not enough is decompressed to a file.
  ///   - hasThreads: whether sums may have threads of their own.
  init(
    _ stack: LayerStack, _ layout: ImageLayout, number: Int, output: FilePath, room: MemoryRoom, hasThreads: Bool,
    progress: @escaping @Sendable (UInt64, UInt64) -> Bool
  ) {
    (self.stack, self.layout, self.number, self.output, self.progress) = (stack, layout, number, output, progress)
    (self.room, self.hasThreads) = (room, hasThreads)
  }

  /// What is in it; contents are read from the layout, from memory, or from a file without a name, when an image is made.
  /// Before that gets its name, the check has to be finished.
  func tree() throws -> (tree: Tree, check: LayerCheck?) {
    if case .archive = stack.layer.kind {
      let archive = try archiveTree()
      return (archive.tree, archive.check)
    }
    let file = try materialized(OutputFile(trialBeside: output))
    return (try ImageOrigin(Self.path(of: file)).tree(), nil)
  }

  /// Makes its image, or takes it as it is.
  func makeImage(_ options: BuildOptions) throws -> LayoutUnpacking.UnpackedImage {
    let path = output
    if case .archive = stack.layer.kind {
      var options = options
      options.uuid = .bytes(stack.layer.descriptor.digest.imageUUID)
      let progress = progress
      let archive = try archiveTree()
      return try LayoutUnpacking.build(
        archive.tree, options, at: path, layer: number, beforeNaming: { try archive.check.finish() }
      ) {
        progress($0.done, $0.total)
      }
    }
    let file = try materialized(OutputFile(path))
    let origin = try ImageOrigin(Self.path(of: file))
    let size = UInt64(try file.descriptor.seek(offset: 0, from: .end))
    var tree: HashTree?
    if options.hasHashTree {
      let block = min(4096, origin.superblock.blockSize)
      let whole = (size + UInt64(block) - 1) / UInt64(block) * UInt64(block)
      try file.setSize(whole)
      tree = try HashTree.append(
        to: file, start: 0, size: whole, blockSize: block, uuid: origin.uuid, threads: max(1, options.threads ?? 1)
      ) { done in
        guard progress(done, whole) else { throw LayoutError.cancelled }
      }
    }
    try file.publish()
    return LayoutUnpacking.UnpackedImage(path: path, layer: number, imageBytes: tree?.offset ?? size, hashTree: tree)
  }

  private static func path(of file: OutputFile) -> FilePath {
    #if os(Linux)
      FilePath("/proc/self/fd/\(file.descriptor.rawValue)")
    #else
      FilePath("/dev/fd/\(file.descriptor.rawValue)")
    #endif
  }

  // MARK: Blobs

  /// Reads a blob, to see whether it is what its digest says.
  private func verified(_ descriptor: BlobDescriptor) throws -> ImageLayout.Blob {
    let blob = try layout.blob(descriptor)
    let sum = SHA256()
    var done: UInt64 = 0
    try blob.forEachPart { part in
      sum.update(part)
      done += UInt64(part.count)
      guard progress(done, descriptor.size) else { throw LayoutError.cancelled }
    }
    let found = BlobDigest(sum.finish())
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
    return blob
  }

  /// What an archive becomes.
  struct ArchiveTree: Sendable {
    let tree: Tree
    /// Bytes of the archive, as it is when it is decompressed, without what follows its last member.
    let byteCount: UInt64
    let check: LayerCheck
  }

  /// The archive is read while its bytes are summed up. What a damaged one makes is thrown away.
  ///
  /// - Parameter device: the number of the device that the archive becomes, with the name of the output; nil for none.
  func archiveTree(device: Int? = nil) throws -> ArchiveTree {
    let descriptor = stack.layer.descriptor
    let blob = try layout.blob(descriptor)
    let progress = progress
    let stored = try LargeMemory(compressed: blob, in: room)
    let sum: LayerCheck.Sum
    if let stored {
      sum = LayerCheck.Sum(ownThread: hasThreads) { try UnsafeRawBufferPointer(stored.bytes).forEachPart($0) }
    } else {
      sum = LayerCheck.Sum(ownThread: hasThreads) { take in
        var done: UInt64 = 0
        try blob.forEachPart { part in
          try take(part)
          done += UInt64(part.count)
          guard progress(done, descriptor.size) else { throw LayoutError.cancelled }
        }
      }
    }
    do {
      let file = try device.map { _ in try OutputFile(output) }
      if let stored, let archive = PlainArchive(decompressing: UnsafeRawBufferPointer(stored.bytes), in: room) {
        let plain = stack.layer.plainDigest.map { _ in
          LayerCheck.Sum(ownThread: hasThreads) { take in
            try archive.bytes.forEachPart { part in
              try take(part)
              guard progress(0, 0) else { throw LayoutError.cancelled }
            }
          }
        }
        try file?.write(archive.bytes, at: 0)
        file?.startWriting(0..<UInt64(archive.bytes.count))
        let (tree, count) = try read(TarOrigin(archive, besideOutputAt: output), device)
        try file?.publish()
        return ArchiveTree(
          tree: tree, byteCount: count, check: LayerCheck(stack.layer, stored: sum, plain: plain))
      }
      let plain = SHA256()
      let isSummed = stack.layer.plainDigest != nil
      var done: UInt64 = 0
      let origin = try TarOrigin(blob.file, in: blob.range, besideOutputAt: output) { part in
        if isSummed { plain.update(part) }
        try file?.write(part, at: done)
        done += UInt64(part.count)
        guard progress(0, 0) else { throw LayoutError.cancelled }
      }
      let isCompressed = origin.isCompressed
      let (tree, count) = try read(origin, device)
      if isCompressed { try file?.publish() } else if let file { try blob.give(to: file, at: output) }
      return ArchiveTree(
        tree: tree, byteCount: count,
        check: LayerCheck(stack.layer, stored: sum, plain: isCompressed ? LayerCheck.Sum(plain) : nil))
    } catch LayoutError.cancelled {
      throw LayoutError.cancelled
    } catch {
      // That the blob is another one explains more than what is wrong with it.
      try LayerCheck.finish(descriptor, sum)
      throw error
    }
  }

  private func read(_ origin: consuming TarOrigin, _ device: Int?) throws -> (tree: Tree, byteCount: UInt64) {
    origin.convertsWhiteouts = true
    if let device {
      origin.device = device
      origin.contents = .referred(blockSize: LayoutUnpacking.archiveBlockSize)
    }
    return try origin.readWithSize()
  }

  /// Writes the layer's image, with its devices where its table of devices says.
  private func materialized(_ file: OutputFile) throws -> OutputFile {
    guard case .image(let isCompressed) = stack.layer.kind else { preconditionFailure() }
    var end = try write(stack.layer, isCompressed, to: file, at: 0)
    try file.setSize(end)
    if stack.devices.isEmpty { return file }
    let origin = try ImageOrigin(Self.path(of: file))
    guard origin.devices.count == stack.devices.count else {
      throw LayoutError.unusable(
        "the image", "it refers to \(origin.devices.count) devices, and has \(stack.devices.count) below it")
    }
    let block = UInt64(origin.superblock.blockSize)
    for (slot, device) in zip(origin.devices, stack.devices) {
      guard case .device(let isCompressed) = device.kind else { preconditionFailure() }
      let start = slot.firstBlock * block
      // A hole between them would be read for a hash tree.
      guard slot.firstBlock >= origin.superblock.blockCount, start >= end, start - end <= Self.longestGap else {
        throw LayoutError.unusable("the image", "its devices have no places that follow it")
      }
      end = start + slot.blocks * block
      let written = try write(device, isCompressed, to: file, at: start, limit: slot.blocks * block)
      guard start + written >= end else {
        throw LayoutError.unusable(
          "blob \(device.descriptor.digest)", "the device is too short: it has \(written) bytes")
      }
    }
    try file.setSize(end)
    return file
  }

  private static let longestGap: UInt64 = 64 << 20
  /// Bytes behind an image's last block: a hash tree, of which there are few.
  private static let longestRest: UInt64 = 64 << 20

  /// - Returns: bytes that the blob is, or decompresses to; after `limit` of them nothing is written.
  private func write(
    _ layer: ImageManifest.Layer, _ isCompressed: Bool, to file: OutputFile, at start: UInt64, limit: UInt64? = nil
  ) throws -> UInt64 {
    let blob = try verified(layer.descriptor)
    let sum = SHA256()
    var count: UInt64 = 0
    var most = limit
    func take(_ part: UnsafeRawBufferPointer) throws {
      sum.update(part)
      let kept = limit.map { Int(min(UInt64(part.count), $0 - min($0, count))) } ?? part.count
      try file.write(UnsafeRawBufferPointer(rebasing: part[..<kept]), at: start + min(limit ?? .max, count))
      count += UInt64(part.count)
      // A few compressed bytes may become any number.
      if most == nil, count >= 4096 {
        let superblock = try Superblock(reading: ImageFile(Self.path(of: file)))
        let end = superblock.blockCount.multipliedReportingOverflow(by: UInt64(superblock.blockSize))
        most = end.overflow ? .max : end.partialValue
      }
      if let most, count > most, count - most > max(Self.longestRest, most / 32) {
        throw LayoutError.unusable(
          "blob \(layer.descriptor.digest)", "it decompresses to more bytes than its image has")
      }
      guard progress(count, 0) else { throw LayoutError.cancelled }
    }
    if isCompressed {
      try Decompression.forEachPart(of: blob.file, blob.range, take)
    } else {
      try blob.forEachPart(take)
    }
    if let wanted = layer.plainDigest {
      let found = BlobDigest(sum.finish())
      guard found == wanted else { throw LayoutError.digest("\(wanted) (decompressed)", found: "\(found)") }
    }
    return count
  }
}

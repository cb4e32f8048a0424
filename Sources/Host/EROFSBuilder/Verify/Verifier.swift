// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import HostSupport
import SystemPackage

/// Reads an image back with the reader that users have, and compares it with what it was made from: every inode's metadata,
/// names and attributes with the tree, every content with the sums of what was read from the sources.
struct Verifier: Sendable {
  private let build: BuildContext
  private let contents: ContentPass
  private let nids: [UInt64]
  private let epoch: Time
  private let attributes: AttributePlan

  init(_ build: BuildContext, _ contents: ContentPass, _ metadata: MetadataPass) {
    self.build = build
    self.contents = contents
    nids = (0..<build.order.count).map { metadata.nid(UInt32($0)) }
    epoch = metadata.form.epoch
    attributes = metadata.attributes
  }

  /// - Returns: files and bytes that were compared.
  func run(_ progress: inout ProgressReporter) throws -> (files: UInt64, bytes: UInt64) {
    var jobs = Jobs(build, contents)
    progress.start(.verifying, total: jobs.total)
    let image = try ImageFile(build.output, build.device, offset: build.options.offset)
    var files: UInt64 = 0
    var bytes: UInt64 = 0
    var mapped: UInt64 = 0
    let verifier = self
    try OrderedWork<Jobs.Job, UInt64>.run(
      // Enough for all threads while one has a job that takes long.
      threads: build.threads, limit: 64 * build.threads, next: { jobs.next().map { ($0, 1) } },
      worker: {
        var reader: ImageReader?
        return { job in
          let own = try reader ?? ImageReader(image)
          reader = own
          for number in job.inodes { try verifier.compareMetadata(number, own) }
          for part in job.parts { try verifier.compare(part, own) }
          return job.byteCount
        }
      },
      take: { count in
        bytes += count
        mapped += count
        if mapped > Self.mostMapped {
          image.unmapPages()
          mapped = 0
        }
        try progress.advance(by: count, written: 0)
      })
    files = UInt64(contents.files.count { $0.layout != .empty })
    return (files, bytes)
  }

  private func failure(_ number: Int, _ reason: String) -> BuildError {
    .verification(path: build.path(of: number), reason)
  }

  // MARK: Metadata

  private func compareMetadata(_ number: Int, _ reader: ImageReader) throws {
    let inode: EROFS.Inode
    do { inode = try reader.volume.inode(nids[number]) } catch { throw failure(number, "\(error)") }
    let source = build.inode(number)
    let wanted = build.tree[source]
    guard inode.kind == wanted.kind, inode.permissions == wanted.permissions else {
      throw failure(number, "its mode")
    }
    guard inode.userID == wanted.user, inode.groupID == wanted.group else { throw failure(number, "its owner") }
    guard inode.linkCount == build.order.links[number] else { throw failure(number, "its link count") }
    if build.options.inodes != .compact {
      let time = build.options.keepsTimes ? wanted.time : epoch
      guard inode.modificationTime == (time.seconds, time.nanoseconds) else {
        throw failure(number, "its time")
      }
    }
    do {
      try compareContent(number, inode, wanted, reader)
      let all = try reader.attributes(of: inode, includingHidden: true)
      if build.options.sharedAttributeThreshold != nil {
        let found = all.filter { !$0.isDigest }.map { ExtendedAttribute(name: $0.name, value: $0.value) }.sorted()
        guard found == build.tree.attributes(of: source) else { throw failure(number, "its extended attributes") }
      }
      // An inode that stays has the digest that it had.
      guard build.kept.nids[number] == nil else { return }
      guard all.filter(\.isDigest).map(\.value) == attributes.digest(of: number, build) else {
        throw failure(number, "the digest of its content")
      }
    } catch let error as EROFSError { throw failure(number, "\(error)") }
  }

  private func compareContent(_ number: Int, _ inode: EROFS.Inode, _ wanted: Metadata, _ reader: ImageReader) throws {
    let source = build.inode(number)
    switch wanted.kind {
    case .regular:
      guard inode.size == build.size(of: number) else { throw failure(number, "its size") }
      if inode.size > 0, let pieces = contents.pieces(of: number) { try comparePlaces(number, inode, pieces, reader) }
    case .symbolicLink:
      guard try reader.target(of: inode) == build.tree.target(of: source) else { throw failure(number, "its target") }
    case .characterDevice, .blockDevice:
      guard let device = inode.deviceNumber, device.major == wanted.device.major, device.minor == wanted.device.minor
      else {
        throw failure(number, "its device number")
      }
    case .directory:
      let names = DirectoryContent(of: number, build, nid: { nids[Int($0)] }).names
      let found = try reader.entries(of: inode)
      guard found.count == names.count,
        zip(found, names).allSatisfy({ $0.name == $1.name && $0.nid == $1.nid && $0.kind?.rawValue == $1.kind })
      else { throw failure(number, "its names") }
    case .fifo, .socket: break
    }
  }

  /// Of a content that is not read: whether the inode refers to the pieces of the tree, and to nothing else.
  private func comparePlaces(
    _ number: Int, _ inode: EROFS.Inode, _ pieces: [ReferredContent.Piece], _ reader: ImageReader
  ) throws {
    var rest = (ReferredChunks.joined(pieces, inode.size) ?? [])[...]
    for extent in try reader.extents(of: inode) {
      let isRight: Bool
      if case .device(let device, let address) = extent.place, let run = rest.first {
        isRight =
          run.device == device && run.offset <= extent.start && run.place + (extent.start - run.offset) == address
          && extent.end <= run.offset + run.length
        if extent.end == run.offset + run.length { rest.removeFirst() }
      } else {
        isRight = extent.place == .hole && extent.end <= rest.first?.offset ?? inode.size
      }
      guard isRight else { throw failure(number, "where bytes \(extent.start) to \(extent.end) are") }
    }
    guard rest.isEmpty else { throw failure(number, "where its last bytes are") }
    guard let tail = build.referred(of: number)?.tail, !tail.isEmpty else { return }
    var found: [UInt8] = []
    let start = inode.size - UInt64(tail.count)
    // A chunk may begin before it, with a piece that happens to be in the block before.
    try reader.forEachPiece(of: inode, skipping: { $0.end <= start }) { _, piece in
      if case .data(let bytes) = piece { found = Array((found + bytes).suffix(tail.count)) }
    }
    guard found == tail else { throw failure(number, "its last bytes") }
  }

  // MARK: Contents

  /// Bytes of contents that are compared before the image's pages are taken from this process's memory.
  private static let mostMapped: UInt64 = 64 << 20

  private func compare(_ part: Jobs.Part, _ reader: ImageReader) throws {
    var comparison = Comparison(expected: contents.sums[part.sums].makeIterator(), segmentBytes: part.segmentBytes)
    let inode: EROFS.Inode
    do { inode = try reader.volume.inode(nids[part.file]) } catch { throw failure(part.file, "\(error)") }
    if contents.files[part.file].layout == .flat, part.range.count > Self.longestWithoutHoles {
      return try compareFlat(part, inode, reader, &comparison)
    }
    do {
      try reader.forEachPiece(of: inode, extentsStartingIn: part.range) { offset, piece in
        switch piece {
        case .data(let bytes): comparison.take(bytes)
        case .hole(let count): comparison.take(zeros: count)
        }
      }
    } catch { throw failure(part.file, "\(error)") }
    try finish(part, &comparison)
  }

  private func finish(_ part: Jobs.Part, _ comparison: inout Comparison) throws {
    guard comparison.finish(UInt64(part.range.count)) else {
      throw failure(part.file, "bytes \(part.range.lowerBound) to \(part.range.upperBound)")
    }
  }

  private static let longestWithoutHoles = 1 << 20

  /// A flat file may have terabytes that were never written: what the image's file has as holes is not read.
  private func compareFlat(
    _ part: Jobs.Part, _ inode: EROFS.Inode, _ reader: ImageReader, _ comparison: inout Comparison
  ) throws {
    let file = contents.files[part.file]
    var end = build.size(of: part.file)
    // The tail is beside the inode.
    if case .inline(_, let bytes, _, _) = file.tail { end -= UInt64(bytes) }
    let start = build.options.offset + file.address
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    defer { buffer.deallocate() }
    var at = part.range.lowerBound
    while at < part.range.upperBound {
      if at < end {
        let data = build.output.data(after: start + at).map { min($0 - start, end) } ?? end
        if data > at {
          comparison.take(zeros: data - at)
          at = data
          continue
        }
      }
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(UInt64(buffer.count), part.range.upperBound - at))])
      do { try reader.read(inode, at: at, into: bytes) } catch { throw failure(part.file, "\(error)") }
      comparison.take(UnsafeRawBufferPointer(bytes))
      at += UInt64(bytes.count)
    }
    try finish(part, &comparison)
  }
}

extension ImageFile {
  /// Opens an image that may have no name yet, and its extra device.
  convenience init(_ output: OutputFile, _ device: OutputFile?, offset: UInt64) throws {
    func path(_ file: OutputFile) -> FilePath {
      #if os(Linux)
        FilePath("/proc/self/fd/\(file.descriptor.rawValue)")
      #else
        FilePath("/dev/fd/\(file.descriptor.rawValue)")
      #endif
    }
    try self.init(path(output), devices: device.map { [path($0)] } ?? [], offset: offset)
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS

/// The check of one inode, or of a part of its data.
struct InodeCheck {
  let reader: ImageReader
  let inode: Inode
  let options: Checker.Options
  private(set) var storedBytes: UInt64 = 0
  private(set) var hasDigest = false
  private var found: [Problem.Cause] = []

  /// More attributes than this are not each looked for by name: that takes time with the square of their number.
  private static let mostSearched = 256

  init(reader: ImageReader, inode: Inode, options: Checker.Options) {
    self.reader = reader
    self.inode = inode
    self.options = options
  }

  mutating func run(_ job: DataJob) -> [Problem.Cause] {
    var digest: [UInt8]?
    if job.range.lowerBound == 0 {
      if inode.modificationTime.nanoseconds >= 1_000_000_000 {
        found.append(.nanoseconds(inode.modificationTime.nanoseconds))
      }
      do throws(EROFSError) { digest = try checkAttributes() } catch { found.append(.image(error)) }
    }
    do throws(EROFSError) {
      switch inode.kind {
      case .regular:
        if options.metadataOnly { try checkMap() } else { try checkData(job, digest) }
      case .symbolicLink:
        let target = try reader.target(of: inode)
        if target.isEmpty { found.append(.emptyTarget) }
        if target.contains(0) { found.append(.zeroInTarget) }
      case .directory: try checkMap()
      default: break
      }
    } catch { found.append(.image(error)) }
    return found
  }

  /// Blocks that the data of a job takes when decoded.
  func contentBlocks(_ job: DataJob) -> UInt64 {
    inode.data == .empty ? 0 : blocks(UInt64(job.range.count))
  }

  /// Blocks that it takes as it is stored; what is not compressed counts as it is.
  func storedBlocks(_ job: DataJob) -> UInt64 {
    switch inode.data {
    case .indexed, .encoded: blocks(storedBytes)
    case .fragment: 0
    default: contentBlocks(job)
    }
  }

  private func blocks(_ bytes: UInt64) -> UInt64 {
    let shift = UInt64(reader.superblock.blockShift)
    return bytes == 0 ? 0 : ((bytes - 1) >> shift) + 1
  }

  /// Returns the digest of the content where one is recorded.
  private mutating func checkAttributes() throws(EROFSError) -> [UInt8]? {
    guard inode.xattrBytes > 0 else { return nil }
    var digest: [UInt8]?
    var searched = 0
    let attributes = try reader.attributes(of: inode, includingHidden: true)
    for attribute in attributes {
      if attribute.isDigest, options.digests, inode.kind == .regular {
        let form = Array("sha256:".utf8)
        if attribute.value.starts(with: form), attribute.value.count == form.count + 32 {
          digest = Array(attribute.value[form.count...])
        } else {
          found.append(.digestForm(attribute.value))
        }
      }
      searched += 1
      guard !attribute.isHidden, searched <= Self.mostSearched else { continue }
      try reader.limit?.spend(searchingAmong: attributes.count)
      if try !reader.canFind(attribute: attribute.name, of: inode) { found.append(.nameFilter(attribute.name)) }
    }
    return digest
  }

  /// Where the data is, without looking at it.
  private mutating func checkMap() throws(EROFSError) {
    var offset: UInt64 = 0
    while let extent = try reader.extent(of: inode, at: offset) {
      count(extent)
      do throws(EROFSError) { _ = try reader.volume.location(of: extent) } catch {
        // Without the device, its end is unknown.
        guard case .unsupported(.device, _) = error else { throw error }
      }
      offset = extent.end
    }
  }

  private mutating func count(_ extent: Extent) {
    switch extent.place {
    case .hole, .packed: break
    default: storedBytes &+= extent.storedLength
    }
  }

  private mutating func checkData(_ job: DataJob, _ digest: [UInt8]?) throws(EROFSError) {
    let hash = digest == nil ? nil : SHA256()
    var stored: UInt64 = 0
    do throws(ImageReader.PieceError<EROFSError>) {
      try reader.forEachPiece(
        of: inode, extentsStartingIn: job.range,
        skipping: { extent in
          switch extent.place {
          case .hole: return hash == nil
          case .packed: return hash == nil  // The packed inode is checked by itself, once.
          default:
            stored &+= extent.storedLength
            return false
          }
        }
      ) { (_, piece) throws(EROFSError) in
        switch piece {
        case .data(let bytes): hash?.update(bytes)
        case .hole(let count):
          // A hole may be of any length without a byte in the image.
          try reader.limit?.spend(digestingZeros: count)
          hash?.update(zeros: count)
        }
      }
    } catch {
      switch error {
      case .image(let error), .body(let error): throw error
      }
    }
    storedBytes &+= stored
    if let digest, let actual = hash?.finish() {
      hasDigest = true
      if actual != digest { found.append(.digest(stored: digest, actual: actual)) }
    }
  }
}

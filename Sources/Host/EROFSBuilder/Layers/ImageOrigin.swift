// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import SystemPackage

/// An existing image as the origin of files of a new one: where their bytes are, as far as another image can refer to them,
/// and the bytes themselves.
///
/// It may be shared between threads; each uses a reader of its own.
public final class ImageOrigin: Sendable {
  /// The image, for messages.
  public let path: FilePath
  /// The image, open.
  public let image: ImageFile
  public let superblock: Superblock
  /// The slots of its device table.
  public let devices: [DeviceSlot]
  /// What all readers of this image together may do.
  public let limit: WorkLimit

  /// Opens an image.
  ///
  /// - Parameters:
  ///   - path: a regular file or a block device. Devices that follow the image in it are found there.
  ///   - devices: its extra devices, in the order of its device table. Contents on devices that are not given can be
  ///     referred to, but not read.
  /// - Throws: ``LayerError``
  public init(_ path: FilePath, devices: [FilePath] = []) throws(LayerError) {
    self.path = path
    do {
      image = try ImageFile(path, devices: devices)
      if let other = image.foreignContent(), !image.hasImage(at: 0) {
        throw LayerError(path, "this is no EROFS image: \(other.text)")
      }
      superblock = try Superblock(reading: image)
      self.devices = try image.deviceTable(superblock)
      try image.checkDevices(superblock)
      limit = WorkLimit(for: image)
    } catch let error as LayerError {
      throw error
    } catch let error as ImageFile.OpenError {
      throw LayerError(error)
    } catch {
      throw LayerError(path, "\(error)")
    }
    // Bytes of these are added up; above they cannot be bytes of a file.
    guard superblock.blockCount < Self.mostBlocks,
      self.devices.allSatisfy({ $0.blocks < Self.mostBlocks && $0.firstBlock < Self.mostBlocks })
    else {
      throw LayerError(path, "its superblock or its device table counts more blocks than a file can have")
    }
    let (has, needs) = (image.byteCount(ofDevice: 0), superblock.blockCount * UInt64(superblock.blockSize))
    guard has >= needs else {
      throw LayerError(path, "the file is shorter than the image in it: it has \(has) bytes, and \(needs) are needed")
    }
  }

  private static let mostBlocks: UInt64 = 1 << 46

  private init(_ other: ImageOrigin, _ image: ImageFile) {
    (path, self.image, superblock, devices) = (other.path, image, other.superblock, other.devices)
    limit = WorkLimit(for: image)
  }

  /// The same image without what follows its last block in its file.
  func withoutRest() throws(LayerError) -> ImageOrigin {
    let end = superblock.blockCount * UInt64(superblock.blockSize)
    do throws(ImageFile.OpenError) { return ImageOrigin(self, try image.prefix(end)) } catch { throw LayerError(error) }
  }

  /// Something that reads it, for one thread.
  public func reader() -> ImageReader { ImageReader(image, superblock, limit: limit) }

  /// The 16 bytes of its UUID.
  public var uuid: [UInt8] {
    [superblock.uuid.0, superblock.uuid.1].flatMap { half in
      (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(8 * $0)) }
    }
  }

  /// Where the unified address space ends in which the image's devices follow it, in blocks; nil if there are none, or if
  /// one of them has no place in it.
  public var unifiedBlocks: UInt64? {
    guard !devices.isEmpty, devices.allSatisfy({ $0.firstBlock > 0 }) else { return nil }
    return devices.reduce(superblock.blockCount) { max($0, $1.firstBlock + $1.blocks) }
  }

  // MARK: Where contents are

  /// A place on one of the image's devices; device 0 is the image.
  public struct Place: Sendable, Hashable {
    public var device: Int
    /// In bytes of the device.
    public var address: UInt64
  }

  /// What can be said of the bytes of a file without reading them.
  public struct Contents: Sendable {
    /// A run of bytes that are stored as they are.
    public struct Run: Sendable, Hashable {
      /// In the file.
      public var offset: UInt64
      public var length: UInt64
      public var place: Place
    }

    /// In the order of their offsets; what is in none of them, before ``end``, is a hole.
    public internal(set) var runs: [Run] = []
    /// The first byte that is stored in another way, and why nothing can refer to it; the size of the file if there is none.
    public internal(set) var end: UInt64
    public internal(set) var obstacle: Obstacle?
  }

  /// Why no other image can refer to bytes of a file.
  public enum Obstacle: Sendable, Hashable {
    case compressed
    /// They are among metadata, beside an inode or in the metabox, and begin at any byte.
    case amongMetadata
    /// They are in the packed inode.
    case packed
  }

  /// Where the bytes of a regular file are.
  ///
  /// - Parameters:
  ///   - inode: a regular file.
  ///   - reader: of this image.
  /// - Returns: runs up to the first byte that no other image can refer to.
  /// - Throws: if the index is corrupt, or takes more work than an image of this size can justify.
  public func contents(of inode: EROFS.Inode, _ reader: ImageReader) throws(EROFSError) -> Contents {
    var contents = Contents(end: inode.size)
    var offset: UInt64 = 0
    while offset < inode.size, let extent = try reader.extent(of: inode, at: offset) {
      if extent.place != .hole {
        if let obstacle = Self.obstacle(extent) {
          (contents.end, contents.obstacle) = (extent.start, obstacle)
          return contents
        }
        guard case .device(let device, let address) = extent.place else { preconditionFailure() }
        let place = self.place(device, address)
        let (end, isHuge) = place.address.addingReportingOverflow(extent.length)
        guard !isHuge, end <= byteCount(of: place.device) else {
          throw .corrupt(.outsideDevice, at: .device(device, offset: address))
        }
        contents.add(.init(offset: extent.start, length: extent.length, place: place))
      }
      offset = extent.end
    }
    return contents
  }

  private static func obstacle(_ extent: Extent) -> Obstacle? {
    if extent.encoding != .plain { return .compressed }
    return switch extent.place {
    case .metadata: .amongMetadata
    case .packed: .packed
    default: nil
    }
  }

  /// Addresses of the unified address space that are those of a device become its own.
  private func place(_ device: Int, _ address: UInt64) -> Place {
    if device == 0 {
      let size = UInt64(superblock.blockSize)
      for slot in devices where slot.firstBlock > 0 {
        let start = slot.firstBlock * size
        if address >= start, address - start < slot.blocks * size {
          return Place(device: slot.number, address: address - start)
        }
      }
    }
    return Place(device: device, address: address)
  }

  /// Bytes of a device, by the superblock or the device table; 0 for one that is not in it.
  public func byteCount(of device: Int) -> UInt64 {
    let blocks =
      device == 0 ? superblock.blockCount : devices.indices.contains(device - 1) ? devices[device - 1].blocks : 0
    return blocks * UInt64(superblock.blockSize)
  }
}

extension ImageOrigin.Contents {
  /// Runs that follow each other in the file and where they are stored become one.
  fileprivate mutating func add(_ run: Run) {
    if let last = runs.last, last.place.device == run.place.device, last.offset + last.length == run.offset,
      last.place.address + last.length == run.place.address
    {
      runs[runs.count - 1].length += run.length
    } else {
      runs.append(run)
    }
  }
}

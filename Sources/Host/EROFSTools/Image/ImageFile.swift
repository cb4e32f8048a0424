// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An image and its extra devices: files or block devices, open and mapped into memory, or bytes in memory.
///
/// It may be shared between tasks and threads. If a file is truncated while it is mapped, reading it raises SIGBUS, as with
/// any mapped file.
public final class ImageFile: Storage, @unchecked Sendable {
  /// Why a file could not be opened.
  public struct OpenError: Error, CustomStringConvertible {
    public let path: FilePath
    public let reason: Reason

    public enum Reason: Sendable {
      case system(Errno)
      /// The image would start after the end of the file.
      case offset(UInt64, fileSize: UInt64)
      /// A directory, a fifo, a terminal.
      case notAFile
    }

    public var description: String {
      switch reason {
      case .system(let errno): "\(path): \(errno)"
      case .offset(let offset, let size):
        "\(path): the image cannot start at byte \(offset): the file has only \(size.counting("byte"))"
      case .notAFile: "\(path): not a regular file or block device"
      }
    }
  }

  private struct Mapping: @unchecked Sendable {
    /// Nil for bytes in memory, which belong to the mapping.
    let file: FileDescriptor?
    /// Where the image starts in the file.
    let offset: UInt64
    let base: UnsafeMutableRawPointer?
    let mappedBytes: Int
    let bytes: PageVector
  }

  private let mappings: [Mapping]
  private let table: UnsafeMutableBufferPointer<PageVector>
  /// The mapped bytes, for a reader; good for as long as this file is.
  let storage: MappedStorage

  /// The file that the image is in; nil for one in memory.
  package var descriptor: FileDescriptor? { mappings[0].file }

  /// Opens an image.
  ///
  /// - Parameters:
  ///   - path: a regular file or a block device.
  ///   - devices: the extra devices, in the order of the image's device table.
  ///   - offset: where the image starts in the file at `path`, in bytes.
  public convenience init(_ path: FilePath, devices: [FilePath] = [], offset: UInt64 = 0) throws(OpenError) {
    var opened: [Mapping] = []
    do throws(OpenError) {
      opened.append(try Self.map(path, offset: offset))
      for device in devices { opened.append(try Self.map(device, offset: 0)) }
    } catch {
      Self.unmap(opened)
      throw error
    }
    self.init(opened)
  }

  /// Opens an image.
  ///
  /// - Parameters:
  ///   - path: a regular file or a block device.
  ///   - devices: the extra devices, in the order of the image's device table.
  ///   - offset: where the image starts in the file at `path`, in bytes.
  public convenience init(_ path: String, devices: [String] = [], offset: UInt64 = 0) throws(OpenError) {
    try self.init(FilePath(path), devices: devices.map { FilePath($0) }, offset: offset)
  }

  /// The first bytes of the image, without its extra devices, as an image of their own.
  package func prefix(_ count: UInt64) throws(OpenError) -> ImageFile {
    let own = mappings[0]
    guard let file = own.file, let copy = try? file.duplicate() else {
      throw OpenError(path: "the image", reason: .system(.badFileDescriptor))
    }
    let length = Int(min(count, UInt64(own.bytes.count)))
    let mapped = Int(own.offset) + length
    guard mapped > 0, let base = mmap(nil, mapped, PROT_READ, MAP_SHARED, copy.rawValue, 0), base != MAP_FAILED else {
      let reason = mapped > 0 ? Errno(rawValue: errno) : .invalidArgument
      try? copy.close()
      throw OpenError(path: "the image", reason: .system(reason))
    }
    let bytes = PageVector(unsafeContiguous: base, count: mapped).dropFirst(Int(own.offset))
    return ImageFile([Mapping(file: copy, offset: own.offset, base: base, mappedBytes: mapped, bytes: bytes)])
  }

  /// An image in memory: `[UInt8]`, `Data`, or any other collection of bytes, which is copied.
  ///
  /// - Parameters:
  ///   - bytes: the image, from its first byte on.
  ///   - devices: the extra devices, in the order of the image's device table.
  public convenience init<Bytes: Collection<UInt8>>(bytes: Bytes, devices: [Bytes] = []) {
    self.init(
      ([bytes] + devices).map { bytes in
        // As for any copy of a collection: nobody can go on without it.
        guard let mapping = Self.memory(bytes.count) else {
          fatalError("no memory for \(bytes.count) bytes of an image")
        }
        mapping.1.copyBytes(from: bytes)
        return mapping.0
      })
  }

  /// An image that is read from a storage into memory, all of it: for what takes an image file. A ``StorageReader`` reads
  /// from a storage what it needs.
  ///
  /// - Parameters:
  ///   - storage: the bytes of the image and of its extra devices.
  ///   - devices: how many extra devices there are.
  /// - Throws: what the storage throws; `ENOMEM` for more than there is memory for.
  public convenience init(copying storage: some Storage, devices: Int = 0) throws(StorageError) {
    var opened: [Mapping] = []
    do throws(StorageError) {
      for device in 0...max(0, devices) {
        guard let count = Int(exactly: storage.byteCount(ofDevice: device)), let (mapping, buffer) = Self.memory(count)
        else { throw StorageError(code: ENOMEM) }
        opened.append(mapping)
        var done = 0
        // In parts, as a device that has to be read to its end may take long.
        while done < count {
          let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<min(count, done + 1 << 20)])
          let pages = MutablePageVector(unsafeContiguous: part)
          try storage.read(device: device, at: UInt64(done), into: pages)
          done += part.count
        }
      }
    } catch {
      Self.unmap(opened)
      throw error
    }
    self.init(opened)
  }

  /// So many bytes of memory; nil if there are not as many.
  private static func memory(_ count: Int) -> (Mapping, UnsafeMutableRawBufferPointer)? {
    guard let base = malloc(max(count, 1)) else { return nil }
    let buffer = UnsafeMutableRawBufferPointer(start: base, count: count)
    let bytes = PageVector(unsafeContiguous: UnsafeRawBufferPointer(buffer))
    return (Mapping(file: nil, offset: 0, base: buffer.baseAddress, mappedBytes: count, bytes: bytes), buffer)
  }

  private init(_ opened: [Mapping]) {
    mappings = opened
    table = .allocate(capacity: opened.count)
    _ = table.initialize(from: opened.map(\.bytes))
    storage = MappedStorage(unsafeDevices: UnsafePointer(table.baseAddress!), count: table.count)
  }

  deinit {
    table.deinitialize()
    table.deallocate()
    Self.unmap(mappings)
  }

  private static func unmap(_ mappings: [Mapping]) {
    for mapping in mappings {
      guard let file = mapping.file else {
        free(mapping.base)
        continue
      }
      if let base = mapping.base { munmap(base, mapping.mappedBytes) }
      try? file.close()
    }
  }

  private static func map(_ path: FilePath, offset: UInt64) throws(OpenError) -> Mapping {
    do {
      // Opening a fifo would wait for a writer.
      let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
      var isKept = false
      defer { if !isKept { try? file.close() } }
      var status = stat()
      guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
      let kind = status.st_mode & S_IFMT
      guard kind == S_IFREG || kind == S_IFBLK else { throw OpenError(path: path, reason: .notAFile) }
      let size = UInt64(try file.seek(offset: 0, from: .end))
      guard offset <= size else { throw OpenError(path: path, reason: .offset(offset, fileSize: size)) }
      guard size > 0 else {
        isKept = true
        return Mapping(file: file, offset: 0, base: nil, mappedBytes: 0, bytes: PageVector())
      }
      guard let count = Int(exactly: size) else { throw Errno.fileTooLarge }
      guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, file.rawValue, 0), base != MAP_FAILED else {
        throw Errno(rawValue: errno)
      }
      let bytes = PageVector(unsafeContiguous: base, count: count)
      isKept = true
      return Mapping(
        file: file, offset: offset, base: base, mappedBytes: count, bytes: bytes.dropFirst(Int(offset)))
    } catch let error as OpenError {
      throw error
    } catch let error as Errno {
      throw OpenError(path: path, reason: .system(error))
    } catch {
      throw OpenError(path: path, reason: .system(.ioError))
    }
  }

  /// Extra devices.
  public var deviceCount: Int { mappings.count - 1 }

  /// Bytes of the image and its extra devices together.
  public var byteCount: UInt64 { mappings.reduce(0) { $0 &+ UInt64($1.bytes.count) } }

  public func byteCount(ofDevice device: Int) -> UInt64 { storage.byteCount(ofDevice: device) }

  public func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
    try storage.read(device: device, at: offset, into: destination)
  }

  /// Takes the pages that were read so far from this process's memory: they stay in the page cache, and are mapped again
  /// when they are read again. The memory of a large image that is read once would count as this process's until then.
  package func unmapPages() {
    for mapping in mappings where mapping.file != nil {
      if let base = mapping.base {
        madvise(UnsafeMutableRawPointer(mutating: base), mapping.mappedBytes, MADV_DONTNEED)
      }
    }
  }

  /// Fills `destination` by a read of the file instead of by way of the mapping.
  ///
  /// - Throws: the system's error as a `storage` one; `ENXIO` where the device is not there or ends before that.
  func read(device: Int, at offset: UInt64, into destination: UnsafeMutableRawBufferPointer) throws(EROFSError) {
    if mappings.indices.contains(device), mappings[device].file == nil {
      do throws(StorageError) {
        return try storage.read(device: device, at: offset, into: MutablePageVector(unsafeContiguous: destination))
      } catch { throw .storage(error, at: .device(device, offset: offset)) }
    }
    var error = mappings.indices.contains(device) ? 0 : ENXIO
    var done = 0
    while error == 0, done < destination.count, let file = mappings[device].file {
      let place = off_t(mappings[device].offset + offset) + off_t(done)
      let rest = UnsafeMutableRawBufferPointer(rebasing: destination[done...])
      let count = pread(file.rawValue, rest.baseAddress, rest.count, place)
      if count > 0 { done += count } else if count == 0 { error = ENXIO } else if errno != EINTR { error = errno }
    }
    if error != 0 { throw .storage(StorageError(code: error), at: .device(device, offset: offset)) }
  }

  public func mapped(device: Int, at offset: UInt64, count: Int) -> PageVector? {
    storage.mapped(device: device, at: offset, count: count)
  }
}

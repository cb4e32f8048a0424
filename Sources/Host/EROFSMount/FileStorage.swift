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

/// An image and its extra devices, read by `pread`.
///
/// Nothing is mapped, so an image that is truncated while it is mounted gives errors and no signal. All threads share one.
public final class FileStorage: Storage, Sendable {
  private struct Device: Sendable {
    let file: FileDescriptor
    let start: UInt64
    let size: UInt64
  }

  private let devices: [Device]

  /// Opens an image for reading.
  ///
  /// - Parameters:
  ///   - devices: the extra devices, in the order of the image's device table.
  ///   - offset: of the image in the file at `path`, in bytes.
  public init(_ path: FilePath, devices more: [FilePath] = [], offset: UInt64 = 0) throws(MountError) {
    var opened: [Device] = []
    do throws(MountError) {
      opened.append(try Self.open(path, offset))
      for path in more { opened.append(try Self.open(path, 0)) }
    } catch {
      for device in opened { try? device.file.close() }
      throw error
    }
    devices = opened
  }

  deinit { for device in devices { try? device.file.close() } }

  private static func open(_ path: FilePath, _ offset: UInt64) throws(MountError) -> Device {
    // A FIFO must not wait for a writer; for files, O_NONBLOCK has no effect.
    let number = path.withPlatformString { Self.open($0) }
    guard number >= 0 else { throw .system("opening the image", path.string, Errno(rawValue: errno)) }
    let file = FileDescriptor(rawValue: number)
    var status = stat()
    let isKnown = fstat(number, &status) == 0
    let kind = status.st_mode & S_IFMT
    guard isKnown, kind == S_IFREG || kind == S_IFBLK else {
      try? file.close()
      throw .notAFile(path.string)
    }
    let end = lseek(number, 0, SEEK_END)
    guard end >= 0, offset <= UInt64(end) else {
      try? file.close()
      throw .offset(path.string, offset, fileSize: UInt64(max(end, 0)))
    }
    return Device(file: file, start: offset, size: UInt64(end) - offset)
  }

  private static func open(_ path: UnsafePointer<CChar>) -> Int32 {
    while true {
      let file = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      if file >= 0 || errno != EINTR { return file }
    }
  }

  public func byteCount(ofDevice device: Int) -> UInt64 { devices.indices.contains(device) ? devices[device].size : 0 }

  public func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
    var done = 0
    while done < destination.count {
      let run = destination.unsafeRun(at: done)
      let count = min(run.count, destination.count - done)
      try read(
        device: device, at: offset + UInt64(done), into: UnsafeMutableRawBufferPointer(start: run.start, count: count))
      done += count
    }
  }

  /// Fills `destination` from byte `offset` of a device on.
  func read(device: Int, at offset: UInt64, into destination: UnsafeMutableRawBufferPointer) throws(StorageError) {
    guard devices.indices.contains(device) else { throw StorageError(code: ENXIO) }
    let (file, start) = (devices[device].file.rawValue, devices[device].start)
    var done = 0
    while done < destination.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: destination[done...])
      let count = pread(file, rest.baseAddress, rest.count, off_t(start + offset) + off_t(done))
      if count > 0 {
        done += count
      } else if count == 0 {
        // It has been truncated since it was opened.
        throw StorageError(code: EIO)
      } else if errno != EINTR {
        throw StorageError(code: errno)
      }
    }
  }
}

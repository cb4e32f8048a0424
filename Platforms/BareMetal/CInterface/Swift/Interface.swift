// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CEROFS
import EROFS
import EROFSFirmware
import PageVectors

/// What lies in an `erofs`.
struct State: ~Copyable {
  var files: FileSystem<CStorage>
}

/// Behind it, the last error's detail.
private var detailOffset: Int { MemoryLayout<erofs>.size - 8 }

private func state(_ fs: UnsafeMutablePointer<erofs>) -> UnsafeMutablePointer<State> {
  unsafe UnsafeMutableRawPointer(fs).assumingMemoryBound(to: State.self)
}

private func setDetail(_ fs: UnsafeMutablePointer<erofs>, _ detail: UInt64) {
  unsafe UnsafeMutableRawPointer(fs).storeBytes(of: detail, toByteOffset: detailOffset, as: UInt64.self)
}

private func fail(_ fs: UnsafeMutablePointer<erofs>, _ error: EROFSError) -> erofs_result {
  switch error {
  case .corrupt(_, let position):
    unsafe setDetail(fs, offset(position))
    return EROFS_CORRUPT
  case .undecodable(_, _, let position):
    unsafe setDetail(fs, offset(position))
    return EROFS_UNDECODABLE
  case .unsupported(let feature, _):
    if case .algorithm(let id) = feature { unsafe setDetail(fs, UInt64(id)) } else { unsafe setDetail(fs, .max) }
    return EROFS_UNSUPPORTED
  case .storage(let error, _):
    unsafe setDetail(fs, UInt64(bitPattern: Int64(error.code)))
    return EROFS_STORAGE
  case .memory(_, let bytes):
    unsafe setDetail(fs, UInt64(bytes))
    return EROFS_NO_MEMORY
  case .notFound: return EROFS_NOT_FOUND
  case .notADirectory: return EROFS_NOT_A_DIRECTORY
  case .notAFile: return EROFS_NOT_A_FILE
  }
}

private func offset(_ position: Position) -> UInt64 {
  switch position {
  case .device(_, let offset), .metabox(let offset): offset
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_mount)
public func erofs_mount(
  _ fs: UnsafeMutablePointer<erofs>?, _ storage: UnsafePointer<erofs_storage>?, _ arena: UnsafeMutableRawPointer?,
  _ bytes: Int, _ needed: UnsafeMutablePointer<Int>?
) -> erofs_result {
  guard let fs = unsafe fs, let storage = unsafe storage, UInt(bitPattern: arena) & 7 == 0,
    MemoryLayout<State>.size <= detailOffset
  else { return EROFS_ARGUMENT }
  unsafe setDetail(fs, 0)
  let memory = unsafe Arena(
    unsafeMemory: UnsafeMutableRawBufferPointer(start: arena, count: arena == nil ? 0 : max(0, bytes)))
  do throws(MountError) {
    unsafe state(fs).initialize(to: State(files: FileSystem(CStorage(unsafeCopying: storage.pointee), in: memory)))
    try unsafe state(fs).pointee.files.mount()
    unsafe needed?.pointee = state(fs).pointee.files.memoryNeeded
    return EROFS_OK
  } catch {
    switch error {
    case .image(let error): return unsafe fail(fs, error)
    case .memory(let bytes, _, _):
      unsafe needed?.pointee = bytes
      unsafe setDetail(fs, UInt64(bytes))
      return EROFS_NO_MEMORY
    }
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_open)
public func erofs_open(
  _ fs: UnsafeMutablePointer<erofs>?, _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<erofs_file>?
) -> erofs_result {
  guard let fs = unsafe fs, let path = unsafe path, let file = unsafe file else { return EROFS_ARGUMENT }
  var count = 0
  while unsafe path[count] != 0 { count += 1 }
  do throws(EROFSError) {
    let inode = try unsafe state(fs).pointee.files.open(UnsafeRawBufferPointer(start: path, count: count))
    unsafe file.pointee = erofs_file(
      nid: inode.nid, size: UInt64(inode.size), mtime: inode.modificationTime.seconds, uid: inode.userID,
      gid: inode.groupID,
      mode: type(inode.kind) | inode.permissions, position: 0, cursor: (0, 0))
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

/// The type bits of a POSIX mode.
private func type(_ kind: InodeKind) -> UInt16 {
  switch kind {
  case .regular: 0o100000
  case .directory: 0o040000
  case .characterDevice: 0o020000
  case .blockDevice: 0o060000
  case .fifo: 0o010000
  case .socket: 0o140000
  case .symbolicLink: 0o120000
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_read)
public func erofs_read(
  _ fs: UnsafeMutablePointer<erofs>?, _ file: UnsafeMutablePointer<erofs_file>?, _ buffer: UnsafeMutableRawPointer?,
  _ count: Int, _ done: UnsafeMutablePointer<Int>?
) -> erofs_result {
  guard let fs = unsafe fs, let file = unsafe file, let buffer = unsafe buffer, let done = unsafe done, count >= 0
  else {
    return EROFS_ARGUMENT
  }
  unsafe done.pointee = 0
  do throws(EROFSError) {
    let inode = try unsafe state(fs).pointee.files.volume.inode(file.pointee.nid)
    let read = try unsafe state(fs).pointee.files.read(
      inode, at: FileOffset(clamping: file.pointee.position),
      into: UnsafeMutableRawBufferPointer(start: buffer, count: count))
    unsafe file.pointee.position += UInt64(read)
    unsafe done.pointee = read
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_readdir)
public func erofs_readdir(
  _ fs: UnsafeMutablePointer<erofs>?, _ directory: UnsafeMutablePointer<erofs_file>?,
  _ entry: UnsafeMutablePointer<erofs_entry>?
) -> erofs_result {
  guard let fs = unsafe fs, let directory = unsafe directory, let entry = unsafe entry else { return EROFS_ARGUMENT }
  do throws(EROFSError) {
    let inode = try unsafe state(fs).pointee.files.volume.inode(directory.pointee.nid)
    // The cursor is the caller's, and all zeros are its start.
    return try unsafe withUnsafeMutableBytes(of: &directory.pointee.cursor) {
      (bytes) throws(EROFSError) -> erofs_result in
      var cursor = unsafe bytes.loadUnaligned(as: DirectoryCursor.self)
      while let next = try unsafe state(fs).pointee.files.nextEntry(of: inode, &cursor) {
        unsafe bytes.storeBytes(of: cursor, as: DirectoryCursor.self)
        if next.isDotOrDotDot { continue }
        unsafe entry.pointee.nid = next.nid
        unsafe entry.pointee.type = next.kind?.rawValue ?? 0
        unsafe withUnsafeMutableBytes(of: &entry.pointee.name) { name in
          // A name has at most 255 bytes.
          unsafe name[min(255, next.name.copyBytes(into: name))] = 0
        }
        return EROFS_OK
      }
      return EROFS_END
    }
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_address)
public func erofs_address(
  _ fs: UnsafeMutablePointer<erofs>?, _ file: UnsafePointer<erofs_file>?,
  _ address: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> erofs_result {
  guard let fs = unsafe fs, let file = unsafe file, let address = unsafe address else { return EROFS_ARGUMENT }
  unsafe address.pointee = nil
  do throws(EROFSError) {
    let inode = try unsafe state(fs).pointee.files.volume.inode(file.pointee.nid)
    let bytes = try unsafe state(fs).pointee.files.bytesInPlace(of: inode)
    unsafe address.pointee = bytes?.baseAddress
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_error_detail)
public func erofs_error_detail(_ fs: UnsafePointer<erofs>?) -> UInt64 {
  guard let fs = unsafe fs else { return 0 }
  return unsafe UnsafeRawPointer(fs).load(fromByteOffset: detailOffset, as: UInt64.self)
}

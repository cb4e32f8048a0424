// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CEROFS
import EROFS
import EROFSFirmware
import PageVectors

// The file system lies at the start of the arena that it is given, so that it takes as much as its codecs do, and no
// more.

typealias Files = FileSystem<CStorage>

/// Bytes of the arena that the file system itself takes.
var stateBytes: Int { (MemoryLayout<Files>.size + 7) & ~7 }

/// The file system of what is mounted.
func files(_ fs: UnsafeMutablePointer<erofs>?) -> UnsafeMutablePointer<Files>? {
  guard let fs = unsafe fs else { return nil }
  return unsafe fs.pointee.state?.assumingMemoryBound(to: Files.self)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_mount)
public func erofs_mount(
  _ fs: UnsafeMutablePointer<erofs>?, _ storage: UnsafePointer<erofs_storage>?, _ arena: UnsafeMutableRawPointer?,
  _ bytes: Int, _ options: UInt32, _ needed: UnsafeMutablePointer<Int>?
) -> erofs_result {
  guard let fs = unsafe fs else { return EROFS_ARGUMENT }
  unsafe fs.pointee = erofs()
  guard let storage = unsafe storage else { return unsafe refuse(fs, .null, 2) }
  guard unsafe storage.pointee.mapped != nil || storage.pointee.read != nil else {
    return unsafe refuse(fs, .storage, 2)
  }
  guard let arena = unsafe arena else { return unsafe refuse(fs, .null, 3) }
  guard UInt(bitPattern: arena) & 7 == 0 else { return unsafe refuse(fs, .alignment, 3) }
  guard bytes >= 0 else { return unsafe refuse(fs, .size, 4) }
  guard options & ~(EROFS_ROOT_ONLY.rawValue | EROFS_DIRECT.rawValue) == 0 else {
    return unsafe refuse(fs, .option, 5)
  }
  guard bytes >= stateBytes else { return unsafe refuse(fs, stateBytes, needed) }
  let files = unsafe arena.bindMemory(to: Files.self, capacity: 1)
  unsafe make(
    files, storage,
    Arena(unsafeMemory: UnsafeMutableRawBufferPointer(start: arena + stateBytes, count: bytes - stateBytes)),
    options & EROFS_DIRECT.rawValue != 0 ? .direct : .least)
  do throws(MountError) {
    try unsafe files.pointee.mount(options & EROFS_ROOT_ONLY.rawValue != 0 ? .root : .everything)
    // A storage in C is one device: what is on others must be in the image's own file.
    do throws(EROFSError) { try unsafe files.pointee.volume.checkDevices() } catch { return unsafe fail(fs, error) }
    unsafe needed?.pointee = stateBytes + files.pointee.memoryNeeded
    unsafe fs.pointee.state = UnsafeMutableRawPointer(files)
    return EROFS_OK
  } catch {
    switch error {
    case .image(let error): return unsafe fail(fs, error)
    case .memory(let bytes, _, _): return unsafe refuse(fs, stateBytes + bytes, needed)
    }
  }
}

/// Makes the file system where it is to stay. What lies on the stack meanwhile is gone when it is mounted.
@inline(never)
private func make(
  _ files: UnsafeMutablePointer<Files>, _ storage: UnsafePointer<erofs_storage>, _ arena: Arena,
  _ depth: MemoryPlan.Depth
) {
  unsafe files.initialize(to: FileSystem(CStorage(unsafeCopying: storage.pointee), in: arena, reading: depth))
}

/// Says which argument cannot be, counted from 1.
func refuse(
  _ fs: UnsafeMutablePointer<erofs>, _ problem: ArgumentProblem, _ number: UInt64
) -> erofs_result {
  unsafe fail(fs, EROFS_ARGUMENT, problem.rawValue, number)
}

/// For a call without an image to look at, or with a null pointer for argument 2, 3 or 5 (where there is no fifth,
/// the third once more), or with a size that cannot be.
@inline(never)
func refuse(
  _ fs: UnsafeMutablePointer<erofs>?, _ second: UnsafeRawPointer?, _ third: UnsafeRawPointer?,
  _ fifth: UnsafeRawPointer?
) -> erofs_result {
  guard let fs = unsafe fs else { return EROFS_ARGUMENT }
  if unsafe fs.pointee.state == nil { return unsafe refuse(fs, .notMounted, 0) }
  if unsafe second == nil { return unsafe refuse(fs, .null, 2) }
  if unsafe third == nil { return unsafe refuse(fs, .null, 3) }
  return unsafe fifth == nil ? refuse(fs, .null, 5) : refuse(fs, .size, 4)
}

/// Says how many bytes of arena would do.
private func refuse(
  _ fs: UnsafeMutablePointer<erofs>, _ bytes: Int, _ needed: UnsafeMutablePointer<Int>?
) -> erofs_result {
  unsafe needed?.pointee = bytes
  return unsafe fail(fs, EROFS_NO_MEMORY, 0, UInt64(bytes))
}

/// Those of a text that ends with NUL.
func bytes(of text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
  var count = 0
  while unsafe text[count] != 0 { count += 1 }
  return unsafe UnsafeRawBufferPointer(start: text, count: count)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_open)
public func erofs_open(
  _ fs: UnsafeMutablePointer<erofs>?, _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<erofs_file>?
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let path = unsafe path, let file = unsafe file else {
    return unsafe refuse(fs, path, file, file)
  }
  do throws(EROFSError) {
    unsafe describe(try files.pointee.open(bytes(of: path)), file)
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_open_entry)
public func erofs_open_entry(
  _ fs: UnsafeMutablePointer<erofs>?, _ entry: UnsafePointer<erofs_entry>?, _ file: UnsafeMutablePointer<erofs_file>?
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let entry = unsafe entry, let file = unsafe file else {
    return unsafe refuse(fs, entry, file, file)
  }
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(entry.pointee.nid)
    try unsafe files.pointee.prepare(for: inode)
    unsafe describe(inode, file)
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

/// Fills in what C sees of an inode.
func describe(_ inode: Inode, _ file: UnsafeMutablePointer<erofs_file>) {
  unsafe file.pointee = erofs_file(
    nid: inode.nid, size: UInt64(inode.size), mtime: inode.modificationTime.seconds, uid: inode.userID,
    gid: inode.groupID, device: inode.deviceNumber?.stored ?? 0, mode: inode.kind.mode | inode.permissions,
    position: 0, cursor: (0, 0))
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_read)
public func erofs_read(
  _ fs: UnsafeMutablePointer<erofs>?, _ file: UnsafeMutablePointer<erofs_file>?, _ buffer: UnsafeMutableRawPointer?,
  _ count: Int, _ done: UnsafeMutablePointer<Int>?
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let file = unsafe file, let buffer = unsafe buffer,
    let done = unsafe done, count >= 0
  else {
    return unsafe refuse(fs, file, buffer, done)
  }
  unsafe done.pointee = 0
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(file.pointee.nid)
    let read = try unsafe files.pointee.read(
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
  guard let fs = unsafe fs, let files = unsafe files(fs), let directory = unsafe directory, let entry = unsafe entry
  else { return unsafe refuse(fs, directory, entry, entry) }
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(directory.pointee.nid)
    // The cursor is the caller's, and all zeros are its start.
    return try unsafe withUnsafeMutableBytes(of: &directory.pointee.cursor) {
      (bytes) throws(EROFSError) -> erofs_result in
      var cursor = unsafe bytes.loadUnaligned(as: DirectoryCursor.self)
      while let next = try unsafe files.pointee.nextEntry(of: inode, &cursor) {
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
  guard let fs = unsafe fs, let files = unsafe files(fs), let file = unsafe file, let address = unsafe address else {
    return unsafe refuse(fs, file, address, address)
  }
  unsafe address.pointee = nil
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(file.pointee.nid)
    let bytes = try unsafe files.pointee.bytesInPlace(of: inode)
    unsafe address.pointee = bytes?.baseAddress
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

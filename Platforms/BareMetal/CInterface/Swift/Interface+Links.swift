// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CEROFS
import EROFS
import EROFSFirmware
import PageVectors

// Symbolic links and extended attributes: calls of their own, which cost nothing where nobody makes them.

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_follow)
public func erofs_follow(
  _ fs: UnsafeMutablePointer<erofs>?, _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<erofs_file>?,
  _ options: UInt32
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let path = unsafe path, let file = unsafe file else {
    return unsafe refuse(fs, path, file, file)
  }
  guard options & ~EROFS_LAST_LINK.rawValue == 0 else { return unsafe refuse(fs, .option, 4) }
  do throws(EROFSError) {
    unsafe describe(try files.pointee.follow(bytes(of: path), last: options == EROFS_FOLLOW_LAST.rawValue), file)
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_listxattr)
public func erofs_listxattr(
  _ fs: UnsafeMutablePointer<erofs>?, _ file: UnsafePointer<erofs_file>?, _ xattr: UnsafeMutablePointer<erofs_xattr>?
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let file = unsafe file, let xattr = unsafe xattr else {
    return unsafe refuse(fs, file, xattr, xattr)
  }
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(file.pointee.nid)
    var cursor = AttributeCursor()
    // The cursor is the caller's, and all zeros are its start. It has two numbers, of which none becomes negative.
    let good = unsafe withUnsafeBytes(of: &xattr.pointee.cursor) { bytes in
      unsafe cursor = bytes.loadUnaligned(as: AttributeCursor.self)
      let second = MemoryLayout<AttributeCursor>.size / 2
      return unsafe bytes.loadUnaligned(as: Int.self) | bytes.loadUnaligned(fromByteOffset: second, as: Int.self) >= 0
    }
    guard good else { return unsafe refuse(fs, .cursor, 3) }
    while let attribute = try unsafe files.pointee.volume.nextAttribute(of: inode, &cursor) {
      if attribute.namespace == .hidden || attribute.nameBytes > 255 { continue }
      unsafe withUnsafeMutableBytes(of: &xattr.pointee.cursor) {
        unsafe $0.storeBytes(of: cursor, as: AttributeCursor.self)
      }
      unsafe xattr.pointee.size = UInt32(truncatingIfNeeded: attribute.valueBytes)
      try unsafe withUnsafeMutableBytes(of: &xattr.pointee.name) { (name) throws(EROFSError) in
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: name[..<255])
        let count = try unsafe files.pointee.volume.copyName(
          of: attribute, into: MutablePageVector(unsafeContiguous: room))
        unsafe name[min(255, count)] = 0
      }
      return EROFS_OK
    }
    return EROFS_END
  } catch { return unsafe fail(fs, error) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@implementation @c(erofs_getxattr)
public func erofs_getxattr(
  _ fs: UnsafeMutablePointer<erofs>?, _ file: UnsafePointer<erofs_file>?, _ name: UnsafePointer<CChar>?,
  _ buffer: UnsafeMutableRawPointer?, _ count: Int, _ size: UnsafeMutablePointer<Int>?
) -> erofs_result {
  guard let fs = unsafe fs, let files = unsafe files(fs), let file = unsafe file, let name = unsafe name else {
    return unsafe refuse(fs, file, name, name)
  }
  guard unsafe buffer != nil || count == 0 else { return unsafe refuse(fs, .null, 4) }
  guard count >= 0 else { return unsafe refuse(fs, .size, 5) }
  guard let size = unsafe size else { return unsafe refuse(fs, .null, 6) }
  unsafe size.pointee = 0
  do throws(EROFSError) {
    let inode = try unsafe files.pointee.volume.inode(file.pointee.nid)
    let named = unsafe PageVector(unsafeContiguous: bytes(of: name))
    guard let attribute = try unsafe files.pointee.volume.attribute(named: named, of: inode) else {
      return unsafe fail(fs, EROFS_NOT_FOUND)
    }
    if let buffer = unsafe buffer {
      let all = unsafe MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(start: buffer, count: count))
      _ = try unsafe files.pointee.volume.copyValue(of: attribute, into: all)
    }
    unsafe size.pointee = attribute.valueBytes
    return EROFS_OK
  } catch { return unsafe fail(fs, error) }
}

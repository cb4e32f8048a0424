// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Reads an image by way of FSKitFileSystem, as macOS would, and prints a line for each name: path, type, mode, owner, group,
// links, size, time, contents or link target, attributes; bytes are hexadecimal. `Tools/run fskit` compares that with a
// manifest.

import EROFSMount
import FSKit
import Foundation

/// Takes three entries in a call, as FSKit's own takes as many as it has room for.
final class Packer: FSDirectoryEntryPacker {
  var entries: [(name: FSFileName, id: FSItem.Identifier, next: FSDirectoryCookie)] = []
  var room = 3
  override func packEntry(
    name: FSFileName, itemType: FSItem.ItemType, itemID: FSItem.Identifier, nextCookie: FSDirectoryCookie,
    attributes: FSItem.Attributes?
  ) -> Bool {
    if room > 0 { entries.append((name, itemID, nextCookie)) }
    room -= 1
    return room >= 0
  }
}

func hex(_ data: Data) -> String { data.map { String(format: "%02x", $0) }.joined() }

func walk(_ item: FSItem, _ path: Data, _ volume: FSKitVolume) async throws {
  let file = try await volume.attributes(.init(), of: item)
  var content = file.type == .symlink ? try await volume.readSymbolicLink(item).data : Data()
  let buffer = FSMutableFileDataBuffer(length: 50_000)
  while file.type == .file, content.count < file.size {
    let count = try await volume.read(from: item, at: off_t(content.count), length: 50_000, into: buffer)
    buffer.withUnsafeMutableBytes { content.append(contentsOf: $0[..<count]) }
  }
  var line = "\(hex(path)) \(file.type.rawValue) \(file.mode) \(file.uid) \(file.gid) \(file.linkCount) \(file.size) "
  line += "\(file.modifyTime.tv_sec)\(String(format: "%09d", file.modifyTime.tv_nsec)) =\(hex(content))"
  for name in try await volume.xattrs(of: item) {
    line += " \(hex(name.data))=\(hex(try await volume.xattr(named: name, of: item)))"
  }
  print(line)
  var (packer, cookie) = (Packer(), FSDirectoryCookie.initial)
  while file.type == .directory {
    let verifier = try await volume.enumerateDirectory(
      item, startingAt: cookie, verifier: .initial, attributes: path.isEmpty ? .init() : nil, packer: packer)
    guard verifier != .initial, let last = packer.entries.last else { return }
    for entry in packer.entries where !["", ".", ".."].contains(entry.name.string) {
      let (child, _) = try await volume.lookupItem(named: entry.name, inDirectory: item)
      guard try await volume.attributes(.init(), of: child).fileID == entry.id else { fatalError("another identifier") }
      try await walk(child, path + [0x2F] + entry.name.data, volume)
      try await volume.reclaimItem(child)
    }
    (packer, cookie) = (Packer(), last.next)
  }
}

let resource = FSPathURLResource(url: URL(fileURLWithPath: CommandLine.arguments[1]), writable: false)
let volume = try await FSKitFileSystem().loadResource(resource: resource, options: .init()) as! FSKitVolume
let root = try await volume.activate(options: .init())
guard try await volume.attributes(.init(), of: root).fileID == .rootDirectory else { fatalError("another root") }
try await walk(root, Data(), volume)

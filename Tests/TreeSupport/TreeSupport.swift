// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation

package let isSuperuser = geteuid() == 0

/// Built with the address sanitizer: its functions are in the process.
package let isSanitized = dlsym(nil, "__asan_init") != nil

/// A folder that is gone with the value.
package final class Folder: Sendable {
  package let path: String

  package init() {
    path = NSTemporaryDirectory() + "/erofs-tree-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  // Deeper than what Foundation removes.
  deinit { _ = try? run("/bin/rm", "-rf", path) }

  package func callAsFunction(_ name: String) -> String { path + "/" + name }

  package func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
  }
}

package struct Failed: Error {
  package let text: String
  package init(text: String) { self.text = text }
}

@discardableResult
package func run(_ program: String, _ arguments: String..., input: String = "", in folder: String? = nil) throws
  -> [UInt8]
{
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  let (entry, output) = (Pipe(), Pipe())
  process.standardInput = entry
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  try process.run()
  try entry.fileHandleForWriting.write(contentsOf: Data(input.utf8))
  try entry.fileHandleForWriting.close()
  let bytes = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  if process.terminationStatus != 0 { throw Failed(text: "\(program): status \(process.terminationStatus)") }
  return [UInt8](bytes)
}

package func find(_ program: String) -> String? {
  ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].map { $0 + program }.first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
}

package func tree(of folder: String) throws -> Tree {
  try DirectoryOrigin(try OpenFile.directory(folder)).read()
}

package func contents(_ path: String, in tree: Tree) throws -> [UInt8] {
  var opener = ContentOpener(tree)
  guard let entry = tree.entry(at: path) else { throw Failed(text: "no \(path)") }
  let reader = try opener.open(entry)
  let bytes = try reader.bytes()
  try reader.finish()
  return bytes
}

/// A line for each entry, with all that is known of it; hard links are numbered in the order of the walk.
package func lines(_ tree: Tree, contents: Bool = true, nanoseconds: Bool = true) throws -> [String] {
  var opener = ContentOpener(tree)
  var numbers: [Tree.InodeID: Int] = [:]
  var lines: [String] = []
  func hex(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String($0, radix: 16) }.joined(separator: ".") }
  for (entry, path) in tree.walk() {
    let inode = tree.inode(of: entry)
    let metadata = tree[entry]
    numbers[inode] = numbers[inode] ?? numbers.count
    let device = "\(metadata.device.major):\(metadata.device.minor)"
    var line = "\(hex(path)) \(metadata.mode) \(metadata.user):\(metadata.group) \(metadata.time.seconds) \(device)"
    if nanoseconds { line += " \(metadata.time.nanoseconds)" }
    line += " \(numbers[inode]!) \(tree.linkCount(of: inode)) \(tree.size(of: inode))"
    for attribute in tree.attributes(of: inode) { line += " \(hex(attribute.name))=\(hex(attribute.value))" }
    if metadata.kind == .symbolicLink { line += " -> \(hex(tree.target(of: inode)))" }
    if metadata.kind == .regular, contents {
      let reader = try opener.open(entry)
      var hash: UInt64 = 14_695_981_039_346_656_037
      for byte in try reader.bytes() { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
      try reader.finish()
      line += " #\(hash)"
    }
    lines.append(line)
  }
  return lines
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTar
import EROFSTree
import Foundation
import SystemPackage
import TreeSupport

/// An archive, block by block.
struct TarWriter {
  var bytes: [UInt8] = []

  /// A field of a header that is not as usual.
  struct Field {
    let offset: Int
    let bytes: [UInt8]
  }

  mutating func add(
    _ name: String, _ content: [UInt8] = [], type: Character = "0", mode: Int = 0o644, user: Int = 0, time: Int = 0,
    link: String = "", size: Int? = nil, magic: String = "ustar\u{0}00", fields: [Field] = []
  ) {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
    func octal(_ value: Int, _ digits: Int) -> [UInt8] {
      let text = String(value, radix: 8)
      return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
    }
    put(Array(name.utf8), at: 0)
    put(octal(mode, 7), at: 100)
    put(octal(user, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(size ?? content.count, 11), at: 124)
    put(octal(time, 11), at: 136)
    put(Array(String(type).utf8), at: 156)
    put(Array(link.utf8), at: 157)
    put(Array(magic.utf8), at: 257)
    for field in fields { put(field.bytes, at: field.offset) }
    put([UInt8](repeating: 0x20, count: 8), at: 148)
    put(octal(block.reduce(0) { $0 + Int($1) }, 6) + [0, 0x20], at: 148)
    bytes += block
    add(raw: content)
  }

  mutating func add(raw content: [UInt8]) {
    bytes += content
    while bytes.count % 512 != 0 { bytes.append(0) }
  }

  mutating func addExtended(_ records: [(String, String)], type: Character = "x") {
    var content: [UInt8] = []
    for (key, value) in records {
      let text = " \(key)=\(value)\n"
      var length = text.utf8.count + 1
      while "\(length)".utf8.count + text.utf8.count != length { length += 1 }
      content += Array("\(length)\(text)".utf8)
    }
    add("./PaxHeaders/x", content, type: type)
  }

  mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }
}

extension Folder {
  /// Reads an archive from a file, or through a pipe.
  func read(_ path: String, piped: Bool = false, whiteouts: Bool = false) throws -> Tree {
    guard piped else { return try read(try OpenFile.file(path), whiteouts: whiteouts) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/cat")
    process.arguments = [path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let file = OpenFile(owning: dup(pipe.fileHandleForReading.fileDescriptor))
    try? pipe.fileHandleForReading.close()
    defer { process.waitUntilExit() }
    return try read(file, whiteouts: whiteouts)
  }

  func read(_ file: OpenFile, whiteouts: Bool = false) throws -> Tree {
    var origin = try TarOrigin(file, besideOutputAt: FilePath(self("image")))
    origin.convertsWhiteouts = whiteouts
    return try origin.read()
  }

  /// Of an archive that is only in memory.
  func read(_ writer: TarWriter, piped: Bool = false, whiteouts: Bool = false) throws -> Tree {
    try write("made.tar", writer.bytes)
    return try read(self("made.tar"), piped: piped, whiteouts: whiteouts)
  }

  func fault(_ writer: TarWriter, piped: Bool = false) -> ArchiveFault? {
    do { _ = try read(writer, piped: piped) } catch TreeError.archive(let fault, _, _) { return fault } catch {}
    return nil
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Dump: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Shows the superblock, statistics or the extents of a file.",
    discussion: "Without options it shows the superblock. Called as dump.erofs it takes the options of that program.")

  @OptionGroup var options: ImageOptions

  @Flag(help: "Show the superblock.")
  var superblock = false

  @Flag(help: "Show files by kind, size and extension, how they are stored, and how well they are compressed.")
  var statistics = false

  @Option(help: ArgumentHelp("Show the extents of the file at this path.", valueName: "path"))
  var extents: RawArgument?

  @Option(help: ArgumentHelp("Show the extents of the inode with this number.", valueName: "number"))
  var nid: UInt64?

  @OptionGroup var json: JSONOption

  func run() throws {
    let reader = try options.reader()
    var members: [JSON.Member] = []
    var texts: [String] = []
    do {
      if superblock || (!statistics && extents == nil && nid == nil) {
        texts.append(reader.superblock.table)
        members.append(("superblock", reader.superblock.json))
        let devices = try reader.image.deviceTable(reader.superblock)
        if !devices.isEmpty {
          texts.append(devices.map { "device \($0.number): \($0.text)\n" }.joined())
          members.append(("devices", .array(devices.map(\.json))))
        }
      }
      if statistics {
        let statistics = try ImageStatistics(of: reader)
        texts.append(statistics.text(title: options.image.description))
        members.append(("statistics", statistics.json))
      }
      if let extents {
        let inode: Inode
        do throws(EROFSError) { inode = try reader.inode(at: extents.bytes) } catch {
          throw CommandError("\(extents): \(advised(error))")
        }
        let list = try ExtentList(of: TreeFile(path: extents.bytes, inode: inode), reader)
        texts.append(list.text)
        members.append(("extents", list.json))
      }
      if let nid {
        let path = Array("nid \(nid)".utf8)
        let inode: Inode
        do throws(EROFSError) { inode = try reader.volume.inode(nid) } catch {
          throw CommandError("nid \(nid): \(advised(error))")
        }
        let list = try ExtentList(of: TreeFile(path: path, inode: inode), reader)
        texts.append(list.text)
        members.append(("inode_extents", list.json))
      }
    } catch let error as TreeError { throw CommandError("\(options.image): \(advised(error))") }
    StandardOutput.shared.write(
      text: json.isOn ? JSON.object(members).text() + "\n" : texts.joined(separator: "\n"))
  }
}

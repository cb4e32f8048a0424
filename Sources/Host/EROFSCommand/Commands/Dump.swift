// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Dump: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Shows how an image is made: its superblock, statistics, the extents of a file.",
    discussion: "Without options: the superblock. Called as dump.erofs it takes the options of that tool.")

  @OptionGroup var options: ImageOptions

  @Flag(help: "The superblock.")
  var superblock = false

  @Flag(help: "Files by kind, size and extension, how they are stored, and how much that saves.")
  var statistics = false

  @Option(help: ArgumentHelp("The extents of the file at this path.", valueName: "path"))
  var extents: RawArgument?

  @Option(help: ArgumentHelp("The extents of the inode of this number.", valueName: "number"))
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
      }
      if statistics {
        let statistics = try ImageStatistics(of: reader)
        texts.append(statistics.text(title: options.image.description))
        members.append(("statistics", statistics.json))
      }
      if let extents {
        let inode: Inode
        do throws(EROFSError) { inode = try reader.inode(at: extents.bytes) } catch {
          throw Failure("\(extents): \(error)")
        }
        let list = try ExtentList(of: TreeFile(path: extents.bytes, inode: inode), reader)
        texts.append(list.text)
        members.append(("extents", list.json))
      }
      if let nid {
        let path = Array("nid \(nid)".utf8)
        let inode: Inode
        do throws(EROFSError) { inode = try reader.volume.inode(nid) } catch { throw Failure("nid \(nid): \(error)") }
        let list = try ExtentList(of: TreeFile(path: path, inode: inode), reader)
        texts.append(list.text)
        members.append(("inode_extents", list.json))
      }
    } catch let error as TreeError { throw Failure("\(options.image): \(error)") }
    StandardOutput.shared.write(
      text: json.isOn ? JSON.object(members).text() + "\n" : texts.joined(separator: "\n"))
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Shows the inode, the extended attributes and the storage of files.")

  @OptionGroup var options: ImageOptions

  @Argument(help: "Paths in the image; a symbolic link at the end is not followed.")
  var paths: [RawArgument]

  @OptionGroup var json: JSONOption

  func run() throws {
    let reader = try options.reader()
    var rows: [JSON] = []
    var failed = false
    for path in paths {
      do throws(EROFSError) {
        let inode = try reader.inode(following: path.bytes, followsLast: false)
        let details = try Details(path.bytes, inode, reader)
        if json.isOn {
          rows.append(details.json(try inode.jsonMembers(reader)))
        } else {
          StandardOutput.shared.write(text: details.text)
        }
      } catch {
        printError("\(path): \(advised(error))")
        failed = true
      }
    }
    if json.isOn { StandardOutput.shared.write(text: JSON.array(rows).text() + "\n") }
    if failed { throw ExitCode(ExitStatus.failed) }
  }
}

private struct Details {
  let path: [UInt8]
  let inode: Inode
  let target: [UInt8]?
  let attributes: [ImageReader.AttributeText]
  private(set) var extents = 0
  private(set) var storedBytes: UInt64 = 0

  init(_ path: [UInt8], _ inode: Inode, _ reader: ImageReader) throws(EROFSError) {
    self.path = path
    self.inode = inode
    target = inode.kind == .symbolicLink ? try reader.target(of: inode) : nil
    attributes = try reader.attributes(of: inode, includingHidden: true)
    var offset: UInt64 = 0
    while let extent = try reader.extent(of: inode, at: offset) {
      extents += 1
      switch extent.place {
      case .hole, .packed: break
      default: storedBytes &+= extent.storedLength
      }
      offset = extent.end
    }
  }

  var text: String {
    var lines = [("path", path.printable)]
    if let target { lines.append(("target", target.printable)) }
    lines += [
      ("kind", inode.kind.word), ("nid", "\(inode.nid)"), ("size", "\(inode.size)"),
      ("mode", "\(inode.modeOctal) \(inode.modeText)"), ("owner", "\(inode.userID):\(inode.groupID)"),
      ("links", "\(inode.linkCount)"), ("modified", Moment(inode.modificationTime).text(isFull: true)),
      ("inode", "\(inode.isExtended ? 64 : 32) bytes at \(inode.position), layout \(inode.layout.word)"),
    ]
    if let number = inode.deviceNumber { lines.append(("device", "\(number.major), \(number.minor)")) }
    if extents > 0 { lines.append(("data", "\(extents) extents, \(storedBytes) bytes stored")) }
    for attribute in attributes {
      lines.append(("xattr", "\(attribute.name.printable) = \(attribute.value.printable)"))
    }
    return lines.map { key, value in key + String(repeating: " ", count: 10 - key.count) + value + "\n" }.joined()
  }

  func json(_ members: [JSON.Member]) -> JSON {
    .object(
      JSON.members("path", path) + members + [
        ("layout", .string(inode.layout.word)), ("inode_bytes", JSON(inode.isExtended ? 64 : 32)),
        ("inode_offset", JSON(inode.offset)), ("inode_in_metabox", .bool(inode.stream == .metabox)),
        ("xattr_bytes", JSON(inode.xattrBytes)), ("extents", JSON(extents)), ("stored_bytes", JSON(storedBytes)),
        (
          "xattrs",
          .array(
            attributes.map {
              .object(
                JSON.members("name", $0.name) + [
                  ("value_hex", .string($0.value.hexadecimal)), ("hidden", .bool($0.isHidden)),
                ])
            })
        ),
      ])
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools

struct Ls: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "Lists a directory of an image.",
    discussion: """
      Names are written byte for byte; on a terminal, control characters and invalid UTF-8 as \\xNN. Times are those of \
      the local time zone.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Paths to list; symbolic links are followed inside the image, but with -l not at the end.")
  var paths: [RawArgument] = []

  @Flag(name: [.customShort("l"), .long], help: "Also show mode, links, owner, group, size and time.")
  var long = false

  @Flag(name: [.customShort("R"), .long], help: "Also list subdirectories.")
  var recursive = false

  @Flag(name: [.customShort("a"), .long], help: "Also show names that start with a dot.")
  var all = false

  @OptionGroup var json: JSONOption

  func run() throws {
    let reader = try options.reader()
    var rows: [JSON] = []
    var failed = false
    let repeated = RepeatedErrors(reader.image, reader.superblock)
    func report(_ path: [UInt8], _ error: EROFSError) {
      if !repeated.isRepeated(error) { printError("\(path.printable): \(advised(error))") }
      failed = true
    }
    var isFirst = true
    for path in paths.isEmpty ? [[0x2F]] : paths.map(\.bytes) {
      do throws(EROFSError) {
        let inode = try reader.inode(following: path, followsLast: !long || path.last == 0x2F)
        let listing = Listing(reader: reader, isLong: long, showsAll: all, onError: report)
        if !isFirst, !json.isOn, inode.kind == .directory { StandardOutput.shared.write(text: "\n") }
        isFirst = false
        if inode.kind != .directory {
          if json.isOn { rows.append(listing.json(path, inode)) } else { listing.write(path, inode) }
        } else if json.isOn {
          rows += listing.json(directory: path, inode, recursive: recursive)
        } else {
          listing.write(directory: path, inode, recursive: recursive, titled: recursive || paths.count > 1)
        }
      } catch { report(path, error) }
    }
    if json.isOn { StandardOutput.shared.write(text: JSON.array(rows).text() + "\n") }
    if let text = repeated.text { printError("\(options.image): \(text)") }
    if failed { throw ExitCode(ExitStatus.failed) }
  }
}

private struct Listing {
  let reader: ImageReader
  let isLong: Bool
  let showsAll: Bool
  let onError: ([UInt8], EROFSError) -> Void

  /// The entries of a directory that are to be shown, and their inodes.
  private func children(_ path: [UInt8], _ directory: Inode) -> [(name: [UInt8], inode: Inode)] {
    var found: [(name: [UInt8], inode: Inode)] = []
    let listing = reader.listing(of: directory)
    for entry in listing.entries where showsAll || entry.name.first != 0x2E {
      do throws(EROFSError) { found.append((entry.name, try reader.volume.inode(entry.nid))) } catch {
        onError(Self.join(path, entry.name), error)
      }
    }
    if let problem = listing.problem { onError(path, problem) }
    return found
  }

  private static func join(_ path: [UInt8], _ name: [UInt8]) -> [UInt8] {
    path.last == 0x2F ? path + name : path + [0x2F] + name
  }

  private static func isDots(_ name: [UInt8]) -> Bool { name == [0x2E] || name == [0x2E, 0x2E] }

  /// Directories below a directory in the order of their paths, each once.
  private func forEachDirectory(
    _ path: [UInt8], _ directory: Inode, recursive: Bool,
    _ body: ([UInt8], [(name: [UInt8], inode: Inode)]) -> Void
  ) {
    var visited: Set<UInt64> = []
    var pending = [(path, directory)]
    while let (path, directory) = pending.popLast(), reader.limit?.isExceeded != true {
      guard visited.insert(directory.nid).inserted else { continue }
      guard path.count <= ScannedTree.maximumPathBytes else {
        onError(path, .unsupported(.pathLength, at: directory.position))
        continue
      }
      let children = children(path, directory)
      body(path, children)
      guard recursive else { return }
      for child in children.reversed() where child.inode.kind == .directory && !Self.isDots(child.name) {
        pending.append((Self.join(path, child.name), child.inode))
      }
    }
  }

  func write(directory path: [UInt8], _ directory: Inode, recursive: Bool, titled: Bool) {
    var isFirst = true
    forEachDirectory(path, directory, recursive: recursive) { path, children in
      if titled {
        StandardOutput.shared.write(text: isFirst ? "" : "\n")
        StandardOutput.shared.write(bytes: shown(path) + Array(":\n".utf8))
        isFirst = false
      }
      for child in children { write(child.name, child.inode) }
    }
  }

  func write(_ name: [UInt8], _ inode: Inode) {
    guard isLong else { return StandardOutput.shared.write(bytes: shown(name) + [0x0A]) }
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let size = inode.deviceNumber.map { "\($0.major), \($0.minor)" } ?? "\(inode.size)"
    let line =
      "\(inode.modeText) \(right("\(inode.linkCount)", 3)) \(right("\(inode.userID)", 5)) "
      + "\(right("\(inode.groupID)", 5)) \(right(size, 10)) \(Moment(inode.modificationTime).localText) "
    var bytes = Array(line.utf8) + shown(name)
    if inode.kind == .symbolicLink {
      do throws(EROFSError) { bytes += Array(" -> ".utf8) + shown(try reader.target(of: inode)) } catch {
        onError(name, error)
      }
    }
    StandardOutput.shared.write(bytes: bytes + [0x0A])
  }

  private func shown(_ name: [UInt8]) -> [UInt8] { StandardOutput.isTerminal ? Array(name.printable.utf8) : name }

  func json(directory path: [UInt8], _ directory: Inode, recursive: Bool) -> [JSON] {
    var rows: [JSON] = []
    forEachDirectory(path, directory, recursive: recursive) { path, children in
      for child in children { rows.append(json(Self.join(path, child.name), child.inode)) }
    }
    return rows
  }

  func json(_ path: [UInt8], _ inode: Inode) -> JSON {
    do throws(EROFSError) { return .object(JSON.members("path", path) + (try inode.jsonMembers(reader))) } catch {
      onError(path, error)
      return .object(JSON.members("path", path))
    }
  }
}

extension Inode {
  /// The fields of the inode.
  func jsonMembers(_ reader: ImageReader) throws(EROFSError) -> [JSON.Member] {
    var members: [JSON.Member] = [
      ("nid", JSON(nid)), ("kind", .string(kind.word)), ("mode", .string(modeOctal)), ("links", JSON(linkCount)),
      ("uid", JSON(userID)), ("gid", JSON(groupID)), ("size", JSON(size)),
      ("mtime", JSON(modificationTime.seconds)), ("mtime_nanoseconds", JSON(modificationTime.nanoseconds)),
    ]
    if let number = deviceNumber {
      members += [("device_major", JSON(number.major)), ("device_minor", JSON(number.minor))]
    }
    if kind == .symbolicLink { members += JSON.members("target", try reader.target(of: self)) }
    return members
  }
}

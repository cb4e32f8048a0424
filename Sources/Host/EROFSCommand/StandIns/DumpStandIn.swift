// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import SystemPackage

/// `dump.erofs`: the options and the output of the program of that name in erofs-utils 1.9. It ends with status 1 if
/// there is anything that it cannot show; that program does so only if it cannot open the image.
struct DumpStandIn {
  private static let options = LongOptions(
    long: [
      "help": .none, "version": .none, "nid": .required, "device": .required, "path": .required, "ls": .none,
      "cat": .none, "offset": .required, "blkid-udev": .none, "no-limit": .none,
    ],
    short: ["S": .none, "V": .none, "e": .none, "s": .none, "h": .none])

  private static let help = """
    Usage: dump.erofs [OPTIONS] IMAGE
    Dump erofs layout from IMAGE.

    General options:
     -V, --version   print the version and exit
     -h, --help      display this help and exit

     -S              show statistics of the image
     -e              show the extents of the inode that --nid or --path names
     -s              show the superblock (also without any option)
     --blkid-udev    print what udev wants to know, as key=value lines
     --device=X      specify an extra device to be used together
     --ls            list the directory that --nid or --path names
     --cat           write the content of the file that --nid or --path names
     --nid=#         show the inode of nid #
     --no-limit      read on even if IMAGE takes far more work than its size can
                     justify (not in erofs-utils)
     --offset=#      skip # bytes at the beginning of IMAGE
     --path=X        show the inode of path X

    """

  private let messages = StandInMessages()
  private var showsSuperblock = false
  private var showsStatistics = false
  private var showsExtents = false
  private var showsBlkid = false
  private var isUnlimited = false
  private var lists = false
  private var writesContent = false
  private var devices: [FilePath] = []
  private var offset: UInt64 = 0
  private var nid: UInt64?
  private var path: [UInt8]?
  private var image: FilePath = ""
  /// Text to print instead of reading the image.
  private var answer: String?

  static func run(_ arguments: [String]) -> Int32 {
    do throws(LongOptions.UsageError) {
      let program = try DumpStandIn(arguments)
      if let answer = program.answer {
        StandardOutput.shared.write(text: answer)
        return ExitStatus.good
      }
      return program.run()
    } catch {
      writeToStandardError("dump.erofs: \(error)\nTry 'dump.erofs --help' for more information.\n")
      return ExitStatus.failed
    }
  }

  private init(_ arguments: [String]) throws(LongOptions.UsageError) {
    let parsed = try Self.options.parse(arguments)
    for (name, value) in parsed.options {
      switch name {
      case "help", "-h": answer = answer ?? Self.help
      case "version", "-V": answer = answer ?? "dump.erofs (swift-erofs) \(RootCommand.configuration.version)\n"
      case "-S": showsStatistics = true
      case "-e": showsExtents = true
      case "-s": showsSuperblock = true
      case "blkid-udev": showsBlkid = true
      case "no-limit": isUnlimited = true
      case "ls": lists = true
      case "cat": writesContent = true
      case "device": devices.append(value.flatMap { RawArgument(argument: $0) }?.filePath ?? "")
      case "path": path = value.flatMap { RawArgument(argument: $0) }?.bytes
      case "offset": offset = try Self.number(name, value)
      default: nid = try Self.number(name, value)
      }
    }
    if answer != nil { return }
    guard let first = parsed.operands.first else {
      throw LongOptions.UsageError(description: "missing argument: IMAGE")
    }
    guard parsed.operands.count == 1 else {
      throw LongOptions.UsageError(description: "unexpected argument: \(parsed.operands[1])")
    }
    image = RawArgument(argument: first)?.filePath ?? ""
    let hasInode = nid != nil || path != nil
    if showsExtents, !hasInode { throw LongOptions.UsageError(description: "-e needs --nid or --path") }
    if writesContent, !hasInode { throw LongOptions.UsageError(description: "--cat needs --nid or --path") }
  }

  private static func number(_ name: String, _ value: String?) throws(LongOptions.UsageError) -> UInt64 {
    guard let value, let number = ByteCount(argument: value) else {
      throw LongOptions.UsageError(description: "invalid \(name) \(value ?? "")")
    }
    return number.bytes
  }

  private func run() -> Int32 {
    let reader: ImageReader
    do {
      let file = try ImageFile(image, devices: devices, offset: offset)
      reader = try ImageReader(file, limit: isUnlimited ? nil : WorkLimit(for: file))
      try file.checkDevices(reader.superblock)
    } catch {
      if case EROFSError.corrupt(.magic, _) = error { messages.error("cannot find valid erofs superblock") }
      messages.error(advised(error))
      return ExitStatus.failed
    }
    if showsBlkid {
      StandardOutput.shared.write(text: DumpFormat.blkid(reader.superblock))
      return ExitStatus.good
    }
    let hasInode = nid != nil || path != nil
    do {
      if showsSuperblock || (!showsStatistics && !hasInode) {
        StandardOutput.shared.write(text: try DumpFormat.superblock(of: reader))
      }
      if showsStatistics { StandardOutput.shared.write(text: try DumpFormat.statistics(of: reader)) }
      if hasInode { try showInode(reader) }
    } catch {
      messages.error(advised(error))
      return ExitStatus.failed
    }
    return ExitStatus.good
  }

  private func showInode(_ reader: ImageReader) throws {
    let inode: EROFS.Inode
    do throws(EROFSError) {
      if let path {
        inode = try reader.inode(at: path)
      } else {
        inode = try reader.volume.inode(nid ?? 0)
      }
    } catch {
      throw CommandError("\(path?.printable ?? "nid \(nid ?? 0)"): \(advised(error))")
    }
    if writesContent {
      try reader.writeContent(of: inode)
      return
    }
    // As dump.erofs: the first path in the tree that leads to the inode, whatever was asked for.
    guard let file = try reader.files().first(where: { $0.inode.nid == inode.nid }) else {
      throw EROFSError.notFound
    }
    StandardOutput.shared.write(text: try DumpFormat.inode(file, reader))
    if lists {
      let isTerminal = StandardOutput.isTerminal
      StandardOutput.shared.write(
        bytes: try DumpFormat.listing(file, reader) { isTerminal ? Array($0.printable.utf8) : $0 })
    }
    if showsExtents {
      StandardOutput.shared.write(text: DumpFormat.extents(try ExtentList(of: file, reader), reader.superblock))
    }
  }
}

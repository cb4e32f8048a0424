// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import SystemPackage

/// `fsck.erofs`: the options, messages and exit status of the program of that name in erofs-utils 1.9.
struct FsckStandIn {
  private static let options = LongOptions(
    long: [
      "help": .none, "version": .none, "extract": .optional, "device": .required, "force": .none, "overwrite": .none,
      "preserve": .none, "preserve-owner": .none, "preserve-perms": .none, "no-preserve": .none,
      "no-preserve-owner": .none, "no-preserve-perms": .none, "offset": .required, "xattrs": .none,
      "no-xattrs": .none, "nid": .required, "path": .required, "no-sbcrc": .none, "xattr-inode-digest": .none,
      "no-limit": .none,
    ],
    short: ["V": .none, "d": .required, "p": .none, "h": .none, "a": .none, "A": .none, "y": .none])

  private static let help = """
    Usage: fsck.erofs [OPTIONS] IMAGE
    Check erofs filesystem compatibility and integrity of IMAGE.

    General options:
     -V, --version          print the version and exit
     -h, --help             display this help and exit

     -d<0-9>                set output verbosity; 0=quiet, 9=verbose (default=2)
     -p                     print total compression ratio of all files
     --device=X             specify an extra device to be used together
     --extract[=X]          check if all files are well encoded, optionally
                            extract to X
     --offset=#             skip # bytes at the beginning of IMAGE
     --nid=#                check or extract from the target inode of nid #
     --path=X               check or extract from the target inode of path X
     --no-limit             read on even if IMAGE takes far more work than its size
                            can justify (not in erofs-utils)
     --no-sbcrc             bypass the superblock checksum verification
     --xattr-inode-digest   verify per-inode digests recorded as extended attributes
     --[no-]xattrs          whether to extract extended attributes (default off)

     -a, -A, -y             no-op, for compatibility with fsck of other filesystems

    Extraction options (--extract=X is required):
     --force                allow extracting to root
     --overwrite            overwrite files that already exist
     --[no-]preserve        same as --[no-]preserve-owner --[no-]preserve-perms
     --[no-]preserve-owner  keep owners (default for the superuser)
     --[no-]preserve-perms  keep permissions without applying umask (default for
                            the superuser)

    """

  private var messages = StandInMessages()
  private var printsRatio = false
  private var devices: [FilePath] = []
  private var offset: UInt64 = 0
  private var nid: UInt64?
  private var path: [UInt8]?
  private var checksChecksum = true
  private var checksDigests = false
  /// Whether data is decoded, and where it goes.
  private var decodes = false
  private var target: FilePath?
  private var mayFillRoot = false
  private var preserves = false
  private var extraction = Extractor.Options()
  private var image: RawArgument?

  /// Text to print instead of checking the image: of -V and -h.
  private var answer: String?

  static func run(_ arguments: [String]) -> Int32 {
    do throws(LongOptions.UsageError) {
      let program = try FsckStandIn(arguments)
      if let answer = program.answer {
        StandardOutput.shared.write(text: answer)
        return ExitStatus.good
      }
      return program.run()
    } catch {
      writeToStandardError("fsck.erofs: \(error)\nTry 'fsck.erofs --help' for more information.\n")
      return ExitStatus.failed
    }
  }

  private init(_ arguments: [String]) throws(LongOptions.UsageError) {
    extraction.preservesAttributes = false
    let parsed = try Self.options.parse(arguments)
    for (name, value) in parsed.options {
      if let answer = try take(name, value) {
        self.answer = answer
        return
      }
    }
    guard let first = parsed.operands.first else {
      throw LongOptions.UsageError(description: "missing argument: IMAGE")
    }
    guard parsed.operands.count == 1 else {
      throw LongOptions.UsageError(description: "unexpected argument: \(parsed.operands[1])")
    }
    image = RawArgument(argument: first)
    if target == nil {
      if mayFillRoot { throw LongOptions.UsageError(description: "--force must be used together with --extract=X") }
      if extraction.overwrites {
        throw LongOptions.UsageError(description: "--overwrite must be used together with --extract=X")
      }
      if preserves {
        throw LongOptions.UsageError(
          description: "--[no-]preserve[-owner/-perms] must be used together with --extract=X")
      }
    } else if target?.lexicallyNormalized() == "/", !mayFillRoot {
      throw LongOptions.UsageError(description: "--extract=/ must be used together with --force")
    }
  }

  /// Takes an option; returns what it wants printed instead of anything done.
  private mutating func take(_ name: String, _ value: String?) throws(LongOptions.UsageError) -> String? {
    switch name {
    case "help", "-h": return Self.help
    case "version", "-V":
      return "fsck.erofs (swift-erofs) \(RootCommand.configuration.version)\n"
        + "available decompressors: \(Algorithm.allCases.flatMap(\.onHosts.mkfsNames).joined(separator: ", "))\n"
    case "-d": messages.verbosity = Int(try Self.number(name, value, upTo: 9))
    case "-p": printsRatio = true
    case "extract":
      decodes = true
      // A script's variable that is empty must not turn an extraction into a check.
      guard value != "" else { throw LongOptions.UsageError(description: "invalid empty value of --extract") }
      target = value.flatMap { RawArgument(argument: $0)?.filePath }
    case "device": devices.append(value.flatMap { RawArgument(argument: $0) }?.filePath ?? "")
    case "force": mayFillRoot = true
    case "overwrite": extraction.overwrites = true
    case "offset": offset = try Self.number(name, value, upTo: .max)
    case "nid": nid = try Self.number(name, value, upTo: .max)
    case "path": path = value.flatMap { RawArgument(argument: $0) }?.bytes
    case "no-sbcrc": checksChecksum = false
    case "no-limit": extraction.isLimited = false
    case "xattr-inode-digest": checksDigests = true
    case "xattrs", "no-xattrs": extraction.preservesAttributes = name == "xattrs"
    case "preserve", "no-preserve":
      extraction.preservesOwner = name == "preserve"
      extraction.preservesPermissions = name == "preserve"
      preserves = true
    case "preserve-owner", "no-preserve-owner":
      extraction.preservesOwner = name == "preserve-owner"
      preserves = true
    case "preserve-perms", "no-preserve-perms":
      extraction.preservesPermissions = name == "preserve-perms"
      preserves = true
    default: break  // -a, -A and -y mean nothing here.
    }
    return nil
  }

  private static func number(_ name: String, _ value: String?, upTo limit: UInt64) throws(LongOptions.UsageError)
    -> UInt64
  {
    let text = value ?? ""
    guard let number = CNumber.unsigned(text), number <= limit else {
      throw LongOptions.UsageError(description: "invalid \(name) \(text)")
    }
    return number
  }

  // MARK: Work

  private func run() -> Int32 {
    let messages = messages
    let reader: ImageReader
    let start: EROFS.Inode?
    do {
      let file = try ImageFile(image?.filePath ?? "", devices: devices, offset: offset)
      reader = try ImageReader(file)
      try file.checkDevices(reader.superblock)
      if let path {
        start = try reader.inode(at: path)
      } else if let nid {
        start = try reader.volume.inode(nid)
      } else {
        start = nil
      }
    } catch {
      if case EROFSError.corrupt(.magic, _) = error { messages.error("cannot find valid erofs superblock") }
      messages.error(advised(error))
      return ExitStatus.failed
    }
    if checksDigests, !reader.superblock.compatible.contains(.imageShareXattrs) {
      messages.error("image has no inode digest xattrs (was --xattr-inode-digest used during mkfs?)")
      return ExitStatus.failed
    }
    let summary = check(reader, start)
    var isGood = summary.problems == 0
    // Files that the check found whole are wanted all the same.
    if let target { isGood = extract(reader, start, target) && isGood }
    if isGood {
      messages.information("No errors found")
    } else {
      messages.error("Found some filesystem corruption")
    }
    if printsRatio, summary.contentBlocks > 0 {
      let hundredths = (summary.storedBlocks &* 10000 &+ summary.contentBlocks / 2) / summary.contentBlocks
      let digits = "\(hundredths % 100)"
      messages.information(
        "Compression ratio: \(hundredths / 100).\(digits.count < 2 ? "0" : "")\(digits)(%)")
    }
    return isGood ? ExitStatus.good : ExitStatus.failed
  }

  private func check(_ reader: ImageReader, _ start: EROFS.Inode?) -> Checker.Summary {
    let messages = messages
    var options = Checker.Options()
    // What is extracted is decoded then.
    options.metadataOnly = (!decodes || target != nil) && !checksDigests
    options.checksum = checksChecksum
    options.digests = checksDigests
    options.isLimited = extraction.isLimited
    let checker = Checker(reader.image, reader.superblock, options: options) { messages.error("\($0)") }
    return checker.run(from: start)
  }

  private func extract(_ reader: ImageReader, _ start: EROFS.Inode?, _ target: FilePath) -> Bool {
    let messages = messages
    let extractor = Extractor(reader.image, reader.superblock, options: extraction) { event in
      switch event {
      case .failure: messages.error(advised(event))
      case .leftOut: messages.warning("\(event)")
      }
    }
    Interruption.stops(extractor)
    do {
      let root = if let start { start } else { try reader.volume.inode(reader.superblock.rootNID) }
      let summary: ExtractSummary
      if root.kind == .directory {
        summary = try extractor.run(root, name: [], into: target)
      } else {
        // Anything but a directory gets the name itself.
        guard let name = target.lastComponent else { throw Errno.isDirectory }
        let parent = target.removingLastComponent()
        summary = try extractor.run(root, name: Array(name.string.utf8), into: parent.isEmpty ? "." : parent)
      }
      if summary.isStopped { messages.error("\(target): stopped before the end: \(summary.remains)") }
      Interruption.endBySignal()
      return summary.failures == 0 && !summary.isStopped
    } catch {
      messages.error("\(target): \(advised(error))")
      return false
    }
  }
}

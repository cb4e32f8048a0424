// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract", abstract: "Extracts the files of an image to a directory.",
    discussion: """
      It restores data, holes, hard links, symbolic links, devices, fifos, sockets, extended attributes, owners, \
      permissions and times. It never writes outside the directory, whatever the image contains, and a file gets its \
      name only when it is complete. Anything that the system does not permit (owners and devices need the superuser) \
      is skipped with a warning. After an error it continues with the next file, and the exit status is 1.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Directory to extract to; it is created if it does not exist.")
  var directory: RawArgument

  @Option(help: ArgumentHelp("Extract only the content of this directory, or only this file.", valueName: "path"))
  var path: RawArgument?

  @Option(help: ArgumentHelp("Extract only the inode with this number.", valueName: "number"))
  var nid: UInt64?

  @Flag(help: "Replace files that exist.")
  var overwrite = false

  @Flag(inversion: .prefixedNo, help: "Keep owners and permissions. (default: for the superuser)")
  var preserve: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep owners; otherwise all files belong to you.")
  var preserveOwner: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep permissions exactly; otherwise the umask applies.")
  var preservePerms: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep extended attributes.")
  var xattrs = true

  @Option(help: ArgumentHelp("Number of threads; the default is one for each core.", valueName: "number"))
  var threads: Int?

  @OptionGroup var progressOptions: ProgressOptions

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    if path != nil, nid != nil { throw ValidationError("--path and --nid cannot be used together") }
  }

  func run() throws {
    let reader = try options.reader()
    let (root, name) = try selected(reader)
    var extractOptions = Extractor.Options()
    extractOptions.overwrites = overwrite
    extractOptions.isLimited = !options.isUnlimited
    extractOptions.preservesAttributes = xattrs
    if let keeps = preserveOwner ?? preserve { extractOptions.preservesOwner = keeps }
    if let keeps = preservePerms ?? preserve { extractOptions.preservesPermissions = keeps }
    if let threads { extractOptions.threads = threads }
    let progress = progressOptions.progress("extracting")
    let extractor = Extractor(reader.image, reader.superblock, options: extractOptions, progress: progress) { event in
      progress.clear()
      printError(advised(event))
    }
    Interruption.stops(extractor)
    let summary: ExtractSummary
    do throws(Errno) { summary = try extractor.run(root, name: name, into: directory.filePath) } catch {
      throw CommandError("\(directory): \(error)")
    }
    if summary.isStopped {
      progress.clear()
      printError("\(directory): stopped before the end: \(summary.remains)")
      Interruption.endBySignal()
      throw ExitCode(ExitStatus.failed)
    }
    if !progressOptions.quiet {
      StandardOutput.shared.write(text: "\(directory): \(summary.text)\n")
    }
    Interruption.endBySignal()
    if summary.failures > 0 { throw ExitCode(ExitStatus.failed) }
  }

  /// The inode to extract, and the name for it if it is not a directory.
  private func selected(_ reader: ImageReader) throws -> (EROFS.Inode, [UInt8]) {
    do throws(EROFSError) {
      if let path {
        let name = path.bytes.split(separator: 0x2F).last.map(Array.init) ?? []
        return (try reader.inode(following: path.bytes, followsLast: false), name)
      }
      if let nid { return (try reader.volume.inode(nid), Array("nid-\(nid)".utf8)) }
      let root = try reader.volume.inode(reader.superblock.rootNID)
      guard root.kind == .directory else { throw .notADirectory }
      return (root, [])
    } catch {
      throw CommandError("\(path?.description ?? nid.map { "nid \($0)" } ?? "root directory"): \(advised(error))")
    }
  }
}

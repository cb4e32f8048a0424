// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract", abstract: "Writes what is in an image into a directory.",
    discussion: """
      Data with its holes, hard links, symbolic links, devices, fifos, sockets, extended attributes, owners, \
      permissions and times. Nothing outside the directory is touched, whatever the image says, and no name shows a \
      file before it is whole. What the system does not permit (owners and devices, for all but the superuser) is left \
      out with a warning. After an error it goes on with the next file, and the exit status is 1.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Where to: a directory, which is made where it does not exist.")
  var directory: RawArgument

  @Option(help: ArgumentHelp("Extract only this: a directory's content, or a single file.", valueName: "path"))
  var path: RawArgument?

  @Option(help: ArgumentHelp("Extract only the inode of this number.", valueName: "number"))
  var nid: UInt64?

  @Flag(help: "Replace files that exist.")
  var overwrite = false

  @Flag(inversion: .prefixedNo, help: "Keep owners and permissions. (default: for the superuser)")
  var preserve: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep owners; otherwise everything is yours.")
  var preserveOwner: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep permissions as they are; otherwise the umask takes its part.")
  var preservePerms: Bool?

  @Flag(inversion: .prefixedNo, help: "Keep extended attributes.")
  var xattrs = true

  @Option(help: ArgumentHelp("How many threads to use; by default one for each core.", valueName: "number"))
  var threads: Int?

  @OptionGroup var progressOptions: ProgressOptions

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    if path != nil, nid != nil { throw ValidationError("--path and --nid exclude each other") }
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
      complain("\(event)")
    }
    Interruption.stops(extractor)
    let summary: ExtractSummary
    do throws(Errno) { summary = try extractor.run(root, name: name, into: directory.filePath) } catch {
      throw Failure("\(directory): \(error)")
    }
    if summary.isStopped {
      complain("\(directory): stopped before the end: \(summary.remains)")
      Interruption.endBySignal()
      throw ExitCode(ExitStatus.failed)
    }
    if !progressOptions.quiet {
      let (names, bytes) = (summary.names.counting("name"), summary.contentBytes.counting("byte"))
      StandardOutput.shared.write(text: "\(directory): \(names), \(bytes)\n")
    }
    Interruption.endBySignal()
    if summary.failures > 0 { throw ExitCode(ExitStatus.failed) }
  }

  /// What to extract, and the name that it gets where it is not a directory.
  private func selected(_ reader: ImageReader) throws -> (EROFS.Inode, [UInt8]) {
    do throws(EROFSError) {
      if let path {
        let name = path.bytes.split(separator: 0x2F).last.map(Array.init) ?? []
        return (try reader.inode(at: path.bytes), name)
      }
      if let nid { return (try reader.volume.inode(nid), Array("nid-\(nid)".utf8)) }
      let root = try reader.volume.inode(reader.superblock.rootNID)
      guard root.kind == .directory else { throw .notADirectory }
      return (root, [])
    } catch { throw Failure("\(path?.description ?? nid.map { "nid \($0)" } ?? "root directory"): \(error)") }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Shows the memory that reading takes, before anything is read.",
    discussion: """
      The plan is exact: the reader never uses more. It is the largest over all files, because they are read one after \
      another. Beside it stands what Linux's own decoders take for the same files.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Files to plan for, and directories with all that is in them; the whole image where there are none.")
  var paths: [RawArgument] = []

  @Flag(help: "Where the stored bytes are: read from a device into memory, or in memory already, as in mapped flash.")
  var storage = StorageKind.read

  @Flag(
    help: """
      How much of an extent stays at hand: the least that works; all of it, so that going back is free; or nothing, for \
      a reader that takes files whole (direct).
      """)
  var depth = DepthKind.least

  @Option(help: ArgumentHelp("Page size for what Linux maps.", valueName: "bytes"))
  var page = ByteCount(4096)

  @Option(help: ArgumentHelp("Write the bar picture to this file, too, as SVG.", valueName: "file"))
  var svg: RawArgument?

  @OptionGroup var json: JSONOption

  func validate() throws {
    guard page.isPageSize else { throw ValidationError("--page has to be a power of two from 512 to 64K") }
  }

  func run() throws {
    let reader = try options.reader()
    let report: PlanReport
    do throws(TreeError) {
      report = try PlanReport(
        of: reader, files: try reader.files(below: paths), depth: depth.planned,
        isMapped: storage == .mapped, pageSize: Int(page.bytes))
    } catch { throw Failure("\(options.image): \(error)") }
    if let svg {
      let picture = BarPicture(title: "bytes", bars: report.bars).svg(heading: "Memory to read \(options.image)")
      try writeFile(svg.filePath, picture)
    }
    StandardOutput.shared.write(
      text: json.isOn ? report.json.text() + "\n" : report.text(title: options.image.description))
  }
}

enum StorageKind: EnumerableFlag {
  case read, mapped
}

enum DepthKind: EnumerableFlag {
  case least, whole, direct

  var planned: MemoryPlan.Depth {
    switch self {
    case .least: .least
    case .whole: .wholeExtents
    case .direct: .direct
    }
  }
}

extension ByteCount {
  /// Whether it can be the size of a page that data is mapped by.
  var isPageSize: Bool { (512...65536).contains(bytes) && bytes.nonzeroBitCount == 1 }
}

extension ImageReader {
  /// The files that paths on the command line name, with all that is in directories; nil for the whole image where there
  /// are none.
  func files(below paths: [RawArgument]) throws(TreeError) -> [TreeFile]? {
    var files: [TreeFile] = []
    for path in paths { files += try self.files(below: path.bytes) }
    return paths.isEmpty ? nil : files
  }
}

/// Writes a text file, over what was there.
func writeFile(_ path: FilePath, _ text: String) throws {
  do {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate, .closeOnExec],
      permissions: [.ownerReadWrite, .groupRead, .otherRead])
    try file.closeAfter { _ = try file.writeAll(text.utf8) }
  } catch let error as Errno { throw Failure("\(path): \(error)") }
}

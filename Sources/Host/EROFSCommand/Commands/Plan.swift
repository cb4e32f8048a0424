// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import SystemPackage

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Shows how much memory reading an image needs, without reading its files.",
    discussion: """
      The plan is exact: the reader never uses more. It is the maximum over all files, because they are read one after \
      another. For comparison, it also shows the memory that Linux's own decoders need for the same files.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Files and directories (with everything below them); the default is the whole image.")
  var paths: [RawArgument] = []

  @Flag(help: "Whether stored bytes are read from a device, or are in memory already, as in mapped flash.")
  var storage = StorageKind.read

  @Flag(
    help: """
      How much of a decoded extent is kept: the least that works; the whole extent, so that reading backwards needs no \
      second decoding; or nothing, for callers that read whole files at once (direct).
      """)
  var depth = DepthKind.least

  @Option(
    help: ArgumentHelp(
      """
      Also show how large an arena firmware on this processor asks for when it mounts the image: \
      \(FirmwareProcessor.allCases.map(\.rawValue).joined(separator: ", ")).
      """, valueName: "processor"))
  var firmware: FirmwareProcessor?

  @Option(help: ArgumentHelp("Page size of Linux.", valueName: "bytes"))
  var page = ByteCount(4096)

  @Option(help: ArgumentHelp("Also write the bar chart to this file, as SVG.", valueName: "file"))
  var svg: RawArgument?

  @OptionGroup var json: JSONOption

  func validate() throws {
    guard page.isPageSize else { throw ValidationError("--page must be a power of two from 512 to 64K") }
    guard firmware == nil || paths.isEmpty else {
      throw ValidationError("--firmware is about the whole image: name no files")
    }
    guard firmware == nil || depth != .whole else {
      throw ValidationError("--firmware and --whole exclude each other: firmware keeps the least that works")
    }
  }

  func run() throws {
    let reader = try options.reader()
    let report: PlanReport
    do throws(TreeError) {
      report = try PlanReport(
        of: reader, files: try reader.files(below: paths), depth: depth.planned,
        isMapped: storage == .mapped, pageSize: Int(page.bytes))
    } catch { throw CommandError("\(options.image): \(advised(error))") }
    if let svg {
      let picture = BarChart(title: "bytes", bars: report.bars).svg(heading: "Memory to read \(options.image)")
      try writeFile(svg.filePath, picture)
    }
    StandardOutput.shared.write(
      text: json.isOn
        ? report.json(for: firmware).text() + "\n"
        : report.text(title: options.image.description) + (firmware.map(report.text(for:)) ?? ""))
  }
}

extension FirmwareProcessor: ExpressibleByArgument {}

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
  /// Whether this is a valid page size.
  var isPageSize: Bool { (512...65536).contains(bytes) && bytes.nonzeroBitCount == 1 }
}

extension ImageReader {
  /// The files at these paths, and below them if they are directories; nil, for the whole image, if there are no paths.
  func files(below paths: [RawArgument]) throws(TreeError) -> [TreeFile]? {
    var files: [TreeFile] = []
    for path in paths { files += try self.files(below: path.bytes) }
    return paths.isEmpty ? nil : files
  }
}

/// Writes a text file; replaces an existing one.
func writeFile(_ path: FilePath, _ text: String) throws {
  do {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate, .closeOnExec],
      permissions: [.ownerReadWrite, .groupRead, .otherRead])
    try file.closeAfter { _ = try file.writeAll(text.utf8) }
  } catch let error as Errno { throw CommandError("\(path): \(advised(error))") }
}

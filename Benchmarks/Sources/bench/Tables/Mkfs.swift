// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// The command against mkfs.erofs and mksquashfs: sizes of images, and the wall time of whole processes, on all cores of the
/// machine.
enum MkfsTable: Table {
  static let name = "mkfs"
  static let summary = "erofs mkfs against mkfs.erofs and mksquashfs, sizes and wall time"

  /// Options that both take, how often each is run (some of the other's take minutes), and what comes nearest to them in
  /// mksquashfs: its blocks are what is compressed together, not what that becomes, and it always packs ends of files.
  static let settings: [(options: [String], rounds: Int, squashfs: [String]?)] = [
    ([], 5, nil),
    (["-zlz4"], 5, ["-comp", "lz4", "-b", "4K"]),
    (["-zlz4hc"], 3, ["-comp", "lz4", "-Xhc", "-b", "8K"]),
    (["-zlz4hc,12", "-C65536"], 3, ["-comp", "lz4", "-Xhc", "-b", "128K"]),
    (["-zlz4hc,12", "-C65536", "-Eztailpacking,fragments,dedupe"], 1, ["-comp", "lz4", "-Xhc", "-b", "128K"]),
    (["-zdeflate,9", "-C65536"], 1, ["-comp", "gzip", "-b", "256K"]),
    (["-zlibdeflate,12", "-C4096"], 1, ["-comp", "gzip", "-b", "16K"]),
    (["-zlibdeflate,12", "-C65536"], 1, ["-comp", "gzip", "-b", "256K"]),
    (["-zzstd"], 1, ["-comp", "zstd", "-Xcompression-level", "3", "-b", "16K"]),
    (["-zzstd,19", "-C65536"], 1, ["-comp", "zstd", "-Xcompression-level", "19", "-b", "256K"]),
    (["-zzstd,19", "-C65536", "-Efragments,dedupe"], 1, ["-comp", "zstd", "-Xcompression-level", "19", "-b", "256K"]),
    (["-zlzma", "-C4096"], 1, ["-comp", "xz", "-b", "16K"]),
    (["-zlzma", "-C65536"], 1, ["-comp", "xz", "-b", "256K"]),
    (["-zlzma", "-C1048576"], 1, ["-comp", "xz", "-b", "1M"]),
    (["-zlzma", "-C1048576", "-Eall-fragments,dedupe,ztailpacking"], 1, ["-comp", "xz", "-b", "1M", "-Xbcj", "x86"]),
  ]

  static func report(_ settings: Settings) throws -> Report {
    let maker = try ImageMaker(settings, subtree: settings.isQuick ? "usr/sbin" : nil)
    let trees = settings.trees.isEmpty ? [(maker.tree, maker.treeDescription)] : settings.trees.map { ($0, $0) }
    let programs = Programs(
      erofs: try Commands.erofsBesidePeers(settings), peer: try Commands.peer("mkfs.erofs", settings),
      squashfs: Commands.found("mksquashfs"))
    let folder = NSTemporaryDirectory() + "/erofs-bench-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return Report(
      name: name, sections: try trees.map { try section($0.0, $0.1, programs, folder, settings) },
      method: [
        "page cache warm; both with the same C libraries; mksquashfs: the nearest block size",
        "against: mkfs.erofs \(settings.versions["erofs-utils"] ?? "of the system"), "
          + (programs.squashfs == nil ? "no mksquashfs here" : "mksquashfs of the system"),
        "1 to 5 rounds, in each all three after another, by turns; medians",
        "\(ProcessInfo.processInfo.activeProcessorCount) cores",
      ])
  }

  private struct Programs {
    var erofs: [String]
    var peer: [String]
    var squashfs: String?
  }

  private static func time(_ words: [String]) throws -> Double {
    try Program(words[0], Array(words.dropFirst())).run()
  }

  private static func section(
    _ tree: String, _ description: String, _ programs: Programs, _ folder: String, _ settings: Settings
  ) throws -> Report.Section {
    var section = Report.Section(
      title: "erofs mkfs of \(description) (ratios below 1: smaller, faster)",
      columns: [
        "options", "bytes", "mkfs.erofs bytes", "ratio", "mksquashfs bytes", "ratio", "s", "without verifying s",
        "mkfs.erofs s", "ratio",
      ])
    for (options, rounds, squash) in settings.isQuick ? [(["-zlz4hc"], 1, nil)] : Self.settings
    where settings.options.map({ options.joined(separator: " ").contains($0) }) ?? true {
      let common = ["--quiet", "-T1700000000"] + options
      var ours: [Double] = []
      var unverified: [Double] = []
      var theirs: [Double] = []
      for round in 0..<(settings.isQuick ? 1 : rounds) {
        let runs: [() throws -> Void] = [
          { ours.append(try time(programs.erofs + ["mkfs"] + common + [folder + "/ours", tree])) },
          {
            unverified.append(
              try time(programs.erofs + ["mkfs", "--no-verify"] + common + [folder + "/unverified", tree]))
          },
          { theirs.append(try time(programs.peer + common + [folder + "/theirs", tree])) },
        ]
        // By turns, so that each comes first once.
        for run in 0..<runs.count { try runs[(run + round) % runs.count]() }
      }
      let sizes = ["/ours", "/theirs"].map { Double(ImageMaker.size(of: folder + $0)) }
      var squashed: (Report.Cell, Report.Cell) = (.absent, .absent)
      if let squash, let program = programs.squashfs {
        let image = folder + "/squashed"
        try Program(program, [tree, image, "-noappend", "-no-progress", "-quiet"] + squash).run()
        let size = Double(ImageMaker.size(of: image))
        squashed = (.number(size, digits: 0), .number(sizes[0] / size, digits: 4))
      }
      section.rows.append([
        .text(options.isEmpty ? "(none)" : options.joined(separator: " ")), .number(sizes[0], digits: 0),
        .number(sizes[1], digits: 0), .number(sizes[0] / sizes[1], digits: 4), squashed.0, squashed.1,
        .number(ours.median, digits: 2), .number(unverified.median, digits: 2), .number(theirs.median, digits: 2),
        .number(ours.median / theirs.median, digits: 3),
      ])
    }
    return section
  }
}

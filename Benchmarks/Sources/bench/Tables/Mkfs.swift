// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// The command against mkfs.erofs: sizes of images, and the wall time of whole processes, on all cores of the machine.
enum MkfsTable: Table {
  static let name = "mkfs"
  static let summary = "erofs mkfs against mkfs.erofs, sizes and wall time"

  /// Options that both take, and how often each is run: some of the other's take minutes.
  static let settings: [(options: [String], rounds: Int)] = [
    ([], 5),
    (["-zlz4"], 5), (["-zlz4hc"], 3), (["-zlz4hc,12", "-C65536"], 3),
    (["-zlz4hc,12", "-C65536", "-Eztailpacking,fragments,dedupe"], 1),
    (["-zdeflate,9", "-C65536"], 1), (["-zlibdeflate,12", "-C4096"], 1), (["-zlibdeflate,12", "-C65536"], 1),
    (["-zzstd"], 1), (["-zzstd,19", "-C65536"], 1), (["-zzstd,19", "-C65536", "-Efragments,dedupe"], 1),
    (["-zlzma", "-C4096"], 1), (["-zlzma", "-C65536"], 1), (["-zlzma", "-C1048576"], 1),
    (["-zlzma", "-C1048576", "-Eall-fragments,dedupe,ztailpacking"], 1),
  ]

  static func report(_ settings: Settings) throws -> Report {
    let maker = try ImageMaker(settings, subtree: settings.isQuick ? "usr/sbin" : nil)
    let erofs = try Commands.erofs()
    let peer = try Commands.peer("mkfs.erofs", settings)
    let folder = NSTemporaryDirectory() + "/erofs-bench-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var section = Report.Section(
      title: "erofs mkfs against mkfs.erofs (below 1 is smaller, and faster)",
      columns: ["options", "bytes", "mkfs.erofs bytes", "ratio", "s", "without verifying s", "mkfs.erofs s", "ratio"])
    for (options, rounds) in settings.isQuick ? [(["-zlz4hc"], 1)] : Self.settings {
      let common = ["--quiet", "-T1700000000"] + options
      var ours: [Double] = []
      var unverified: [Double] = []
      var theirs: [Double] = []
      for round in 0..<(settings.isQuick ? 1 : rounds) {
        let runs: [() throws -> Void] = [
          { ours.append(try Program(erofs, ["mkfs"] + common + [folder + "/ours", maker.tree]).run()) },
          {
            unverified.append(
              try Program(erofs, ["mkfs", "--no-verify"] + common + [folder + "/unverified", maker.tree]).run())
          },
          { theirs.append(try Program(peer[0], peer.dropFirst() + common + [folder + "/theirs", maker.tree]).run()) },
        ]
        // By turns, so that each comes first once.
        for run in 0..<runs.count { try runs[(run + round) % runs.count]() }
      }
      let sizes = ["/ours", "/theirs"].map { Double(ImageMaker.size(of: folder + $0)) }
      section.rows.append([
        .text(options.isEmpty ? "(none)" : options.joined(separator: " ")), .number(sizes[0], digits: 0),
        .number(sizes[1], digits: 0), .number(sizes[0] / sizes[1], digits: 4), .number(ours.median, digits: 2),
        .number(unverified.median, digits: 2), .number(theirs.median, digits: 2),
        .number(ours.median / theirs.median, digits: 3),
      ])
    }
    return Report(
      name: name, sections: [section],
      method: [
        "data: \(maker.treeDescription); page cache warm",
        "against: mkfs.erofs \(settings.versions["erofs-utils"] ?? "of the system")",
        "1 to 5 rounds, in each all three after another, by turns; medians",
        "\(ProcessInfo.processInfo.activeProcessorCount) cores",
      ])
  }
}

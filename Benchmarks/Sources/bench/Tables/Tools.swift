// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// The command against erofs-utils: whole processes, wall time, on all cores of the machine.
enum ToolsTable: Table {
  static let name = "tools"
  static let summary = "erofs fsck and extract against fsck.erofs --extract, wall time"

  static let codecs = [["-zlz4hc"], ["-zdeflate,9"], ["-zzstd"], ["-zlzma"]]

  static func report(_ settings: Settings) throws -> Report {
    let maker = try ImageMaker(settings, subtree: settings.isQuick ? "usr/sbin" : nil)
    let erofs = try Commands.erofs()
    let peer = try Commands.peer("fsck.erofs", settings)
    let rounds = settings.isQuick ? 1 : 7
    var section = Report.Section(
      title: "wall time, erofs against fsck.erofs (below 1 is faster)",
      columns: ["codec", "image MB", "what", "erofs s", "fsck.erofs s", "ratio", "least", "most"])
    for codec in settings.peers == nil ? [["-zlz4hc"]] : codecs {
      let image = try maker.image(codec + ["-C65536"])
      for writes in [false, true] {
        var ours: [Double] = []
        var theirs: [Double] = []
        for round in 0...rounds {
          // One round goes before the measured ones: it fills the page cache.
          let pair = try measured(
            image, erofs: erofs, peer: peer, isNewest: settings.peers != nil, writes: writes,
            oursFirst: round % 2 == 0)
          if round > 0 {
            ours.append(pair.ours)
            theirs.append(pair.theirs)
          }
        }
        let ratios = zip(ours, theirs).map { $0 / $1 }
        section.rows.append([
          .text(String(codec[0].dropFirst(2))), .number(Double(ImageMaker.size(of: image)) / 1e6, digits: 1),
          .text(writes ? "extract" : "check all data"), .number(ours.median, digits: 3),
          .number(theirs.median, digits: 3), .number(ratios.median, digits: 3),
          .number(ratios.quantile(0), digits: 3), .number(ratios.quantile(1), digits: 3),
        ])
      }
    }
    let version = settings.versions["erofs-utils"] ?? "of the system"
    return Report(
      name: name, sections: [section],
      method: [
        "data: \(maker.treeDescription), by mkfs.erofs in pclusters of 64 KiB; page cache warm",
        "against: fsck.erofs \(version) --extract, and --extract=DIRECTORY for extract; into memory where /dev/shm is there",
        "\(rounds) rounds, in each both one after the other, first and second by turns; ratios round by round, medians",
        "\(ProcessInfo.processInfo.activeProcessorCount) cores",
      ])
  }

  private static func measured(
    _ image: String, erofs: String, peer: [String], isNewest: Bool, writes: Bool, oursFirst: Bool
  ) throws -> (ours: Double, theirs: Double) {
    func fsck(_ arguments: [String]) throws -> Double {
      try Program(peer[0], peer.dropFirst() + arguments).run()
    }
    func run(ours: Bool) throws -> Double {
      guard writes else {
        return try ours ? Program(erofs, ["fsck", image]).run() : fsck(["--extract", image])
      }
      let shared = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
      let target = shared + "/erofs-bench-\(ProcessInfo.processInfo.processIdentifier)"
      defer { try? FileManager.default.removeItem(atPath: target) }
      if ours { return try Program(erofs, ["extract", image, target]).run() }
      // The distribution's may be too old to know the option.
      let attributes = isNewest ? ["--xattrs"] : []
      return try fsck(["--extract=" + target, "--preserve"] + attributes + [image])
    }
    if oursFirst {
      let ours = try run(ours: true)
      return (ours, try run(ours: false))
    }
    let theirs = try run(ours: false)
    return (try run(ours: true), theirs)
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension MemoryPlan.Depth {
  /// "least", "whole" or "direct".
  public var name: String {
    switch self {
    case .least: "least"
    case .wholeExtents: "whole"
    case .direct: "direct"
    }
  }
}

extension PlanReport {
  /// The tables and the bar picture.
  public func text(title: String) -> String {
    var text = "Memory to read \(title)\n"
    let kept = depth == .wholeExtents ? "whole extents" : depth.name
    text += "stored bytes \(isMapped ? "mapped" : "read from a device"), \(kept), "
    text += "\(inodes.groupedCounting("inode"))\n\n"
    var table = TextTable([("part", .left), ("bytes", .right), ("needed by", .left)])
    for part in PlanPart.allCases where part.bytes(plan) > 0 {
      table.append(part.label, part.bytes(plan).grouped, asking[part]?.path.printable ?? "every file")
    }
    table.append("in page frames, scattered", plan.frameBytes.grouped)
    table.append("codec tables, each contiguous", plan.stateBytes.grouped)
    table.append("total", plan.totalBytes.grouped)
    text += table.text + "\n"
    if inodes > 1, let first = largest.first {
      text += "largest: \(first.path.printable), \(first.plan.totalBytes.grouped) bytes\n\n"
    }
    text += "Linux's own decoders, for the same files (Linux 7.2, 64-bit; in addition to its page cache)\n\n"
    if linux.isEmpty {
      text += "nothing: none of these files uses a codec that needs memory in Linux\n\n"
    } else {
      var beside = TextTable([
        ("codec", .left), ("what", .left), ("bytes", .right), ("contiguous", .left), ("when", .left), ("source", .left),
      ])
      for need in linux {
        beside.append(
          need.algorithm, need.what, need.bytes.grouped, need.isContiguous ? "yes" : "no", need.when, need.source)
      }
      text += beside.text + "\n"
    }
    return text + chartText
  }

  /// What the picture shows: a bar for each part of the plan and its total, and for each thing that Linux allocates.
  package var bars: [BarChart.Bar] {
    var bars: [BarChart.Bar] = []
    for part in PlanPart.allCases where part.bytes(plan) > 0 {
      bars.append(BarChart.Bar(label: part.label, value: part.bytes(plan), group: .parts))
    }
    bars.append(BarChart.Bar(label: "total", value: plan.totalBytes, group: .total))
    for need in linux {
      bars.append(BarChart.Bar(label: "Linux, \(need.algorithm): \(need.what)", value: need.bytes, group: .beside))
    }
    return bars
  }

  private var chartText: String { BarChart(title: "bytes", bars: bars).text() }

  package var json: JSON { json(for: nil) }

  /// - Parameter processor: one for which the needs of firmware are said, too.
  package func json(for processor: FirmwareProcessor?) -> JSON {
    func object(_ plan: MemoryPlan) -> JSON {
      var members: [JSON.Member] = PlanPart.allCases.map { ($0.key, JSON($0.bytes(plan))) }
      members.append(("frames_total", JSON(plan.frameBytes)))
      members.append(("states_total", JSON(plan.stateBytes)))
      members.append(("total", JSON(plan.totalBytes)))
      return .object(members)
    }
    let members: [JSON.Member] = [
      ("depth", .string(depth.name)),
      ("storage", .string(isMapped ? "mapped" : "read")),
      ("inodes", JSON(inodes)),
      ("plan", object(plan)),
      (
        "largest",
        .array(
          largest.map { file in
            .object(JSON.members("path", file.path) + [("nid", JSON(file.nid)), ("plan", object(file.plan))])
          })
      ),
      (
        "linux",
        .array(
          linux.map { need in
            [
              "codec": .string(need.algorithm), "what": .string(need.what), "bytes": JSON(need.bytes),
              "contiguous": .bool(need.isContiguous), "when": .string(need.when), "source": .string(need.source),
            ]
          })
      ),
    ]
    return .object(members + (processor.map { [("firmware", arenaJSON(for: $0))] } ?? []))
  }
}

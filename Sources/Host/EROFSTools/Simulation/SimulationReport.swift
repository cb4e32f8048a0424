// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine

/// The results of reading an image on one or more simulated machines.
package struct SimulationReport: Sendable {
  package struct Run: Sendable {
    package let machine: SimulatedMachine
    package let results: [SimulationResult]

    package init(machine: SimulatedMachine, results: [SimulationResult]) {
      self.machine = machine
      self.results = results
    }
  }

  package let title: String
  package let runs: [Run]

  package init(title: String, runs: [Run]) {
    self.title = title
    self.runs = runs
  }

  /// A table for each machine, the reasons for failures, and a summary.
  package var text: String {
    var text = "\(title) on machines without an MMU\n\n"
    for run in runs { text += run.text + "\n" }
    return text + verdict
  }

  package var json: JSON { ["image": .string(title), "runs": .array(runs.map(\.json))] }

  /// A line for each way and machine.
  private var verdict: String {
    var table = TextTable([("", .left), ("", .left), ("", .left)])
    for way in ReadingWay.allCases {
      for run in runs {
        for result in run.results where result.way == way {
          table.append(
            "=> " + way.label, "\(run.machine.ram.inUnits), \(run.machine.fragmentation.rawValue):", result.verdict)
        }
      }
    }
    return table.text.split(separator: "\n").joined(separator: "\n") + "\n"
  }
}

extension SimulationReport.Run {
  var text: String {
    var text = machine.summary + "\n\n"
    var table = TextTable([
      ("way", .left), ("files right", .right), ("unreadable", .right), ("wrong", .right), ("wrong bytes", .right),
      ("peak frames", .right), ("peak bytes", .right), ("longest run", .right), ("codec memory", .right),
      ("maps", .right), ("bounced", .right), ("bytes copied", .right),
    ])
    for result in results {
      table.append(
        result.way.label, "\(result.right.grouped)/\(result.files.grouped)", result.failed.grouped,
        result.wrong.grouped, result.wrongBytes.grouped, result.peakFrames.grouped, result.peakBytes.grouped,
        result.largestRunPages.grouped, result.stateBytes.grouped, result.maps.grouped, result.bouncedMaps.grouped,
        result.bytesCopied.grouped)
    }
    text += table.text
    for result in results {
      for failure in result.failures {
        text += "  \(result.way.label): \(failure.files.grouped) unreadable, \(failure.reason.description)"
        if failure.bytes > 0 { text += ", up to \(failure.bytes.groupedCounting("byte"))" }
        text += " (first: \(failure.firstPath.printable))\n"
      }
      if result.framesLeft > 0 {
        text += "  \(result.way.label): not freed: \(result.framesLeft.counting("frame"))\n"
      }
    }
    return text
  }

  var json: JSON {
    [
      "ram": JSON(machine.ram), "page": JSON(machine.pageSize),
      "fragmentation": .string(machine.fragmentation.rawValue),
      "workers": JSON(machine.workers), "readahead": JSON(machine.readahead), "seed": JSON(machine.seed),
      "ways": .array(results.map(\.json)),
    ]
  }
}

extension SimulationResult {
  fileprivate var verdict: String {
    var says: [String] = []
    let all = files.groupedCounting("file")
    if failed > 0 { says.append("\(failed.grouped) of \(all) cannot be read") }
    if wrong > 0 {
      says.append("\(wrong.grouped) of \(all) \(wrong == 1 ? "is" : "are") read wrong, without an error")
    }
    return says.isEmpty ? "every byte of every file is right" : says.joined(separator: "; ")
  }

  var json: JSON {
    [
      "way": .string(way.rawValue), "files": JSON(files), "right": JSON(right), "unreadable": JSON(failed),
      "wrong": JSON(wrong), "bytes_read": JSON(bytesRead), "wrong_bytes": JSON(wrongBytes),
      "peak_frames": JSON(peakFrames), "peak_bytes": JSON(peakBytes), "largest_run_pages": JSON(largestRunPages),
      "state_bytes": JSON(stateBytes), "largest_state": JSON(largestState), "maps": JSON(maps),
      "bounced_maps": JSON(bouncedMaps), "bytes_copied": JSON(bytesCopied),
      "failures": .array(
        failures.map { failure in
          .object(
            [
              ("reason", .string(failure.reason.description)), ("files", JSON(failure.files)),
              ("bytes", JSON(failure.bytes)),
            ] + JSON.members("first_path", failure.firstPath))
        }),
    ]
  }
}

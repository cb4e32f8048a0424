// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import NoMMUMachine

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Reads an image on simulated machines without an MMU, in three ways.",
    discussion: """
      A simulated machine has a limited number of page frames, an allocator that fragments memory on purpose, and \
      no virtual memory. Every file is read in three ways: as Linux's fs/erofs does, over a vmap that copies whole \
      pages back; the same over a vmap that copies back only changed bytes; and with page vectors. Every byte is \
      compared with an ordinary read.

      Two pclusters are decoded at the same time, in steps whose order is random, so that both often use the page in \
      which one extent ends and the next begins. On a real machine that happens less often (75 of 100,207 page reads \
      were wrong on Linux 7.2 with two processors), but it does happen.

      Without --ram and --fragmentation it simulates two machines: one with plenty of memory, and one with little.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Files and directories (with everything below them); the default is the whole image.")
  var paths: [RawArgument] = []

  @Option(help: ArgumentHelp("Memory of the machine; the default with --fragmentation is 512K.", valueName: "bytes"))
  var ram: ByteCount?

  @Option(help: ArgumentHelp("Page size.", valueName: "bytes"))
  var page = ByteCount(4096)

  @Option(
    help: ArgumentHelp(
      "How free memory is fragmented: none, shuffled, random or worst.", valueName: "kind"))
  var fragmentation: Fragmentation?

  @Option(help: ArgumentHelp("Number of pclusters that are decoded at the same time, 1 to 64.", valueName: "number"))
  var workers = 2

  @Option(help: ArgumentHelp("How many bytes of a file are requested at a time.", valueName: "bytes"))
  var readahead = ByteCount(128 << 10)

  @Option(help: ArgumentHelp("Seed for the order of page frames and of decoding steps.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    name: .customLong("way"),
    help: ArgumentHelp(
      "Read in this way only: copy-back, merge-back or page-vectors; may be repeated.", valueName: "way"))
  var ways: [ReadingWay] = []

  @OptionGroup var json: JSONOption

  func validate() throws {
    guard page.isPageSize else { throw ValidationError("--page must be a power of two from 512 to 64K") }
    guard (1...64).contains(workers) else { throw ValidationError("--workers must be 1 to 64") }
    guard readahead.bytes >= 1, readahead.bytes <= UInt64(Simulation.longestReadahead) else {
      throw ValidationError("--readahead must be 1 to \(Simulation.longestReadahead.inUnits)")
    }
    if let ram, ram.bytes < page.bytes || ram.bytes > 4 << 30 {
      throw ValidationError("--ram must be at least one page and at most 4G")
    }
  }

  private var machines: [SimulatedMachine] {
    func machine(_ ram: UInt64, _ fragmentation: Fragmentation) -> SimulatedMachine {
      SimulatedMachine(
        ram: Int(ram), pageSize: Int(page.bytes), fragmentation: fragmentation, workers: workers,
        readahead: Int(readahead.bytes), seed: seed)
    }
    if ram == nil, fragmentation == nil { return [machine(64 << 20, .shuffled), machine(512 << 10, .worst)] }
    return [machine(ram?.bytes ?? 512 << 10, fragmentation ?? .worst)]
  }

  func run() throws {
    let reader = try options.reader()
    let simulation: Simulation
    do throws(TreeError) { simulation = try Simulation(reader, files: try reader.files(below: paths)) } catch {
      throw CommandError("\(options.image): \(advised(error))")
    }
    var runs: [SimulationReport.Run] = []
    for machine in machines {
      var results: [SimulationResult] = []
      for way in ways.isEmpty ? ReadingWay.allCases : ways {
        guard let result = simulation.run(way, on: machine) else {
          throw CommandError("these options do not describe a machine")
        }
        results.append(result)
      }
      runs.append(SimulationReport.Run(machine: machine, results: results))
    }
    let report = SimulationReport(title: options.image.description, runs: runs)
    StandardOutput.shared.write(text: json.isOn ? report.json.text() + "\n" : report.text)
  }
}

extension Fragmentation: ExpressibleByArgument {}
extension ReadingWay: ExpressibleByArgument {}

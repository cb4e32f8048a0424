// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import NoMMUMachine

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Reads an image on a simulated machine without an MMU, in three ways.",
    discussion: """
      The machine has page frames, a budget of them, an allocator that fragments on purpose, and no virtual memory. On \
      it every file is read as Linux's fs/erofs does it over a vmap that copies whole pages back, over one that \
      writes only what changed, and with page vectors; and every byte is compared with an ordinary read.

      Two pclusters are decoded at a time, step by step in an order that a generator draws, so that the page in which \
      one extent ends and the next begins is often in the hands of both. A real machine comes to that point more \
      rarely (75 of 100,207 page reads were wrong on Linux 7.2 with two processors); that it does is what counts.

      Without any option that describes a machine there are two: one with plenty of memory, and one with little.
      """)

  @OptionGroup var options: ImageOptions

  @Argument(help: "Files to read, and directories with all that is in them; the whole image where there are none.")
  var paths: [RawArgument] = []

  @Option(help: ArgumentHelp("Memory of the machine; 512K where only other options are given.", valueName: "bytes"))
  var ram: ByteCount?

  @Option(help: ArgumentHelp("Page size.", valueName: "bytes"))
  var page = ByteCount(4096)

  @Option(
    help: ArgumentHelp(
      "How free memory lies: none, shuffled, random or worst.", valueName: "kind"))
  var fragmentation: Fragmentation?

  @Option(help: ArgumentHelp("Pclusters that are decoded at a time, 1 to 64.", valueName: "number"))
  var workers = 2

  @Option(help: ArgumentHelp("What is asked for of a file at a time.", valueName: "bytes"))
  var readahead = ByteCount(128 << 10)

  @Option(help: ArgumentHelp("Picks where page frames lie, and in which order workers go on.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(
    name: .customLong("way"),
    help: ArgumentHelp("Only this way: copy-back, merge-back or page-vectors; repeated for more.", valueName: "way"))
  var ways: [ReadingWay] = []

  @OptionGroup var json: JSONOption

  func validate() throws {
    guard page.isPageSize else { throw ValidationError("--page has to be a power of two from 512 to 64K") }
    guard (1...64).contains(workers) else { throw ValidationError("--workers has to be 1 to 64") }
    guard readahead.bytes >= 1, readahead.bytes <= UInt64(Simulation.longestReadahead) else {
      throw ValidationError("--readahead has to be 1 to \(Simulation.longestReadahead.inUnits)")
    }
    if let ram, ram.bytes < page.bytes || ram.bytes > 4 << 30 {
      throw ValidationError("--ram has to be at least a page, and at most 4G")
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
      throw Failure("\(options.image): \(error)")
    }
    var runs: [SimulationReport.Run] = []
    for machine in machines {
      var results: [SimulationResult] = []
      for way in ways.isEmpty ? ReadingWay.allCases : ways {
        guard let result = simulation.run(way, on: machine) else { throw Failure("there is no such machine") }
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

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import FuzzKit
import FuzzTargets

/// The driver without libFuzzer: the same inputs for the same seed, everywhere.
@main
struct Fuzz {
  static let usage = """
    usage: fuzz TARGET|all COUNT [--seed N] [--corpus FOLDER] [--culprits FOLDER]
           fuzz --input TARGET FILE        runs one input
           fuzz --make-corpus FOLDER       writes the samples of all targets
    """

  static func main() {
    var words = Array(CommandLine.arguments.dropFirst())
    func option(_ name: String) -> String? {
      guard let at = words.firstIndex(of: name), at + 1 < words.count else { return nil }
      defer { words.removeSubrange(at...at + 1) }
      return words[at + 1]
    }
    if words.first == "--list" { return print(targetNames.joined(separator: "\n")) }
    if let folder = option("--make-corpus") { return makeCorpus(folder) }
    let seed = option("--seed").flatMap(UInt64.init) ?? 1
    let corpus = option("--corpus") ?? "Fuzzing/Corpus"
    let culprits = option("--culprits") ?? ".build-fuzz"
    if words.first == "--input", words.count == 3, let target = makeTarget(words[1]),
      let data = FileManager.default.contents(atPath: words[2])
    {
      return print(target.run(Array(data)))
    }
    guard words.count == 2, let count = Int(words[1]), words[0] == "all" || targetNames.contains(words[0]) else {
      FileHandle.standardError.write(Data((usage + "\n").utf8))
      exit(2)
    }
    var failed = 0
    let names = words[0] == "all" ? targetNames : [words[0]]
    for name in names {
      guard let target = makeTarget(name) else { continue }
      let driver = Driver(target, corpus: inputs(in: "\(corpus)/\(name)"), culprits: culprits)
      if !report(name, driver.run(count: count, seed: seed)) { failed += 1 }
    }
    print("\(names.count - failed) passed, \(failed) failed")
    exit(failed == 0 ? 0 : 1)
  }

  /// The inputs of a folder in the order of their names.
  static func inputs(in folder: String) -> [[UInt8]] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)").map(Array.init) }
  }

  static func report(_ name: String, _ result: Driver.Result) -> Bool {
    let perSecond = Double(result.inputs) / max(result.seconds, 1e-6)
    print(
      "  \(name): \(result.inputs) inputs, \(result.accepted) accepted, \(Int(perSecond)) a second, slowest "
        + String(format: "%.1f ms", result.slowest * 1000))
    for (reason, count) in result.reasons.sorted(by: { $0.value > $1.value }) {
      print("    \(count) refused: \(reason)")
    }
    for what in result.violations { print("  FAILED \(name): \(what)") }
    if result.accepted == 0 { print("  FAILED \(name): nothing was accepted: is the corpus there?") }
    return result.violations.isEmpty && result.accepted > 0
  }

  static func makeCorpus(_ folder: String) {
    for name in targetNames {
      guard let target = makeTarget(name) else { continue }
      try? FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      for (i, sample) in target.samples().enumerated() {
        let file = String(format: "%@/%@/%03d", folder, name, i)
        try? Data(sample).write(to: URL(fileURLWithPath: file))
      }
    }
  }
}

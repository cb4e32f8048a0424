// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Foundation

/// What a table is made with.
struct Settings {
  /// Little data and few rounds: shows that the table works, not how fast anything is.
  var isQuick = false
  /// Only the rows of this codec, where a table has rows for codecs; nil for all.
  var codec: CodecPeer?
  /// Only rows whose options contain this text, for the table `mkfs`; nil for all.
  var options: String?
  /// Trees to make images of, in place of the one that tables have of their own; for the table `mkfs`.
  var trees: [String] = []
  /// Folder of the newest peers (see Tools/install/peers.sh), nil where there is none.
  var peers: String?

  /// Packages of the peers with their versions; empty without them.
  var versions: [String: String] {
    guard let peers, let text = try? String(contentsOfFile: peers + "/versions", encoding: .utf8) else { return [:] }
    let pairs = text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 2 }
    return Dictionary(pairs.map { (String($0[0]), String($0[1])) }, uniquingKeysWith: { $1 })
  }
}

/// A table of figures: one file in Tables, and one line below.
protocol Table: Sendable {
  static var name: String { get }
  static var summary: String { get }
  static func report(_ settings: Settings) throws -> Report
}

var tables: [any Table.Type] { [DecodersTable.self, MemoryTable.self, ToolsTable.self, MkfsTable.self] }

@main
struct Bench {
  static func main() {
    var settings = Settings(peers: ProcessInfo.processInfo.environment["EROFS_PEERS"])
    var isJSON = false
    var isCheck = false
    var names: [String] = []
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--json": isJSON = true
      case "--quick": settings.isQuick = true
      case "--check": isCheck = true
      case "--codec":
        let name = arguments.popFirst() ?? ""
        settings.codec = CodecPeer.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
        if settings.codec == nil {
          let names = CodecPeer.allCases.map { $0.rawValue.lowercased() }.joined(separator: ", ")
          complain("--codec takes one of \(names), not '\(name)'")
          exit(2)
        }
      case "--options":
        guard let options = arguments.popFirst() else {
          complain("--options takes a text")
          exit(2)
        }
        settings.options = options
      case "--tree":
        guard let tree = arguments.popFirst() else {
          complain("--tree takes a directory")
          exit(2)
        }
        settings.trees.append(tree)
      case "--list":
        for table in tables { print(table.name + String(repeating: " ", count: 12 - table.name.count) + table.summary) }
        return
      default: names.append(argument)
      }
    }
    if isCheck { exit(check(settings)) }
    guard names.count == 1, let table = tables.first(where: { $0.name == names[0] }) else {
      let names = tables.map { $0.name }.joined(separator: ", ")
      let options = "[--json] [--quick] [--codec NAME] [--options TEXT] [--tree DIRECTORY]"
      complain("usage: bench TABLE \(options); tables: \(names)")
      exit(2)
    }
    do {
      let report = try table.report(settings)
      print(isJSON ? report.json : report.text)
    } catch {
      complain("bench \(table.name): \(error)")
      exit(1)
    }
  }

  /// Makes every table with little data; the last line counts.
  static func check(_ settings: Settings) -> Int32 {
    var settings = settings
    settings.isQuick = true
    var failed = 0
    for table in tables {
      do {
        let rows = try table.report(settings).sections.reduce(0) { $0 + $1.rows.count }
        print("  \(table.name): \(rows) rows")
        if rows == 0 { throw BenchError("no rows") }
      } catch {
        print("  FAILED \(table.name): \(error)")
        failed += 1
      }
    }
    print("\(tables.count - failed) passed, \(failed) failed")
    return failed == 0 ? 0 : 1
  }

  static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import Testing

/// What the libraries may not do to the programs that use them.
@Suite struct LibrarySurfaceTests {
  private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Sources")

  /// The lines of the Swift files in a folder, with their places.
  private func lines(of folder: String) throws -> [(place: String, line: Substring)] {
    let files = FileManager.default.enumerator(
      at: Self.sources.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    var found: [(String, Substring)] = []
    for case let file as URL in files! where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        found.append(("\(file.lastPathComponent):\(index + 1)", line))
      }
    }
    #expect(found.count > 20, "\(folder)")
    return found
  }

  /// The command's options are no concern of a program that uses the library: the command adds them.
  @Test(arguments: [
    "Core", "Host/EROFSTools", "Host/EROFSMount", "Host/EROFSTree", "Host/EROFSTar", "Host/HostSupport",
  ])
  func noTextNamesAnOption(folder: String) throws {
    let option = try Regex(#""[^"]*(^|[ (:])?--[a-z]{2,}"#)
    for (place, line) in try lines(of: folder) where line.contains(option) {
      let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
      #expect(!code.contains(option), "\(place): \(line)")
    }
  }

  /// Members that are added to types of others would meet those that a program adds itself.
  @Test(arguments: [
    "Host/EROFSTools", "Host/EROFSMount", "Host/EROFSTree", "Host/EROFSTar", "Host/EROFSBuilder", "Host/HostSupport",
  ])
  func noTypeOfOthersIsExtended(folder: String) throws {
    let others: Set<Substring> = [
      "Int", "UInt64", "BinaryInteger", "FixedWidthInteger", "Double", "String", "Substring", "Array", "[UInt8]",
      "Collection",
      "Collection<UInt8>", "Sequence", "Unicode", "Optional", "FilePath", "Dictionary", "Set", "Range", "Result",
    ]
    var extended: Substring?
    for (place, line) in try lines(of: folder) {
      if line.hasPrefix("extension ") || line.hasPrefix("public extension ") {
        let type = line.replacing("public ", with: "").dropFirst(10).prefix { !" :{.".contains($0) }
        extended = others.contains(type) ? type : nil
        #expect(extended == nil || !line.hasPrefix("public"), "\(place): \(line)")
      }
      if line == "}" { extended = nil }
      if let extended { #expect(!line.hasPrefix("  public "), "\(place): \(extended): \(line)") }
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// The commands that are compared.
enum Commands {
  /// Ours, as `./run` and users build it.
  static func erofs() throws -> String {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    var arguments = ["build", "--package-path", root.path, "-c", "release", "--product", "erofs"]
    #if os(Linux)
      arguments += ["--static-swift-stdlib", "-Xswiftc", "-static-executable"]
    #endif
    try Program("swift", arguments).run()
    return root.path + "/.build/release/erofs"
  }

  /// Ours with the C libraries that its peers have, where they have some of their own: images differ by the version of
  /// libzstd or libdeflate more than by the program that calls it.
  static func erofsBesidePeers(_ settings: Settings) throws -> [String] {
    guard settings.peers != nil else { return [try erofs()] }
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    let scratch = root.path + "/.build-bench"
    let arguments = [
      "build", "--package-path", root.path, "-c", "release", "--product", "erofs", "--static-swift-stdlib",
      "--scratch-path", scratch,
    ]
    try Program("swift", arguments).run()
    return try withLibrariesOfPeers(scratch + "/release/erofs", settings)
  }

  /// Where PATH has a program, nil where it has none.
  static func found(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// A program of erofs-utils, the newest one with the loader that its libraries need, but without the script that calls it.
  static func peer(_ name: String, _ settings: Settings) throws -> [String] {
    guard let peers = settings.peers else { return [name] }
    return try withLibrariesOfPeers("\(peers)/root/usr/bin/\(name)", settings)
  }

  private static func withLibrariesOfPeers(_ program: String, _ settings: Settings) throws -> [String] {
    let peers = settings.peers!
    func line(_ name: String) throws -> String {
      try String(contentsOfFile: peers + "/" + name, encoding: .utf8).trimmingCharacters(in: .newlines)
    }
    return [try line("loader"), "--library-path", try line("libraries"), program]
  }
}

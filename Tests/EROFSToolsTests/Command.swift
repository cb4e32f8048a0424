// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// The result of a program that was run.
struct Outcome {
  let status: Int32
  let output: Data
  let errors: String
  var text: String { String(decoding: output, as: UTF8.self) }
  var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: output)) as? [String: Any] }
}

/// A program that has been started.
final class RunningCommand {
  let process = Process()
  private let folder = TemporaryFolder()

  /// - Parameter countsCoverage: false for a process of another user, which could not write its counts.
  fileprivate init(countsCoverage: Bool) throws {
    var environment = ProcessInfo.processInfo.environment
    environment["TZ"] = "UTC"
    if !countsCoverage { environment["LLVM_PROFILE_FILE"] = "/dev/null" }
    process.environment = environment
    for name in ["out", "err"] { _ = try folder.write([], name) }
    process.standardOutput = FileHandle(forWritingAtPath: folder("out"))
    process.standardError = FileHandle(forWritingAtPath: folder("err"))
    process.standardInput = FileHandle.nullDevice
  }

  /// Waits for its end; the status is negative where a signal ended it.
  func finish() throws -> Outcome {
    process.waitUntilExit()
    let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return Outcome(
      status: status, output: try Data(contentsOf: URL(fileURLWithPath: folder("out"))),
      errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: folder("err"))), as: UTF8.self))
  }
}

enum Command {
  /// The `erofs` that was built with these tests.
  static let path: String = {
    let tests = try! FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("erofs").path
    return beside
  }()

  static func run(_ program: String = path, _ arguments: [String]) throws -> Outcome {
    try start(program, arguments).finish()
  }

  /// Runs the `erofs` that was built with these tests.
  static func erofs(_ arguments: String...) throws -> Outcome { try run(arguments, calledAs: "erofs") }

  /// Runs the `erofs` that was built with these tests by another name: that of a symbolic link to it.
  static func run(_ arguments: [String], calledAs name: String) throws -> Outcome {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    try FileManager.default.createSymbolicLink(atPath: folder(name), withDestinationPath: path)
    return try start(folder(name), arguments, countsCoverage: true).finish()
  }

  /// Starts a program, for tests that observe or disturb it while it runs.
  static func start(
    _ program: String = path, _ arguments: [String], countsCoverage: Bool = false
  ) throws -> RunningCommand {
    let running = try RunningCommand(countsCoverage: countsCoverage)
    running.process.executableURL = URL(fileURLWithPath: program)
    running.process.arguments = arguments
    try running.process.run()
    return running
  }

  /// dump.erofs of erofs-utils 1.9, nil if it is not installed.
  static let dumpErofs: String? = {
    guard let program = find("dump.erofs", amongPeers: true) else { return nil }
    return (try? run(program, ["-V"]))?.text.contains(" 1.9") == true ? program : nil
  }()

  /// A program of the system, nil if it is not installed. With `amongPeers`, the newest one, which
  /// Tools/install/peers.sh installs, comes first.
  static func find(_ name: String, amongPeers: Bool = false) -> String? {
    if amongPeers {
      // Where Tools/install/peers.sh puts it.
      let environment = ProcessInfo.processInfo.environment
      let cache = environment["XDG_CACHE_HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path + "/.cache"
      let peer = (environment["EROFS_PEERS"] ?? cache + "/swift-erofs/peers") + "/bin/" + name
      if FileManager.default.isExecutableFile(atPath: peer) { return peer }
    }
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return folders.map { $0 + "/" + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}

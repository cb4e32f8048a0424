// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// What a program that was run has to say.
struct Outcome {
  let status: Int32
  let output: Data
  let errors: String
  var text: String { String(decoding: output, as: UTF8.self) }
}

/// A program that has been started.
final class RunningCommand {
  let process = Process()
  private let folder = TemporaryFolder()

  fileprivate init() throws {
    // What is built to count coverage would write down its counts where another user may not.
    process.environment = ProcessInfo.processInfo.environment.merging(["LLVM_PROFILE_FILE": "/dev/null"]) { $1 }
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

  /// Starts a program, for those that look at it, or disturb it, while it runs.
  static func start(_ program: String = path, _ arguments: [String]) throws -> RunningCommand {
    let running = try RunningCommand()
    running.process.executableURL = URL(fileURLWithPath: program)
    running.process.arguments = arguments
    try running.process.run()
    return running
  }

  /// A program of the system, nil where it is not installed; the newest one, of the peers to measure against, first
  /// where that is asked for.
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

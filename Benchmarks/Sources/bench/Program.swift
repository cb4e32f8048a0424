// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation

/// A program and its arguments.
struct Program {
  /// A path, or a name that is looked for in PATH.
  let path: String
  let arguments: [String]

  init(_ path: String, _ arguments: [String]) {
    self.path = path
    self.arguments = arguments
  }

  /// Runs it with its output thrown away, and returns the seconds from before its start until after its end.
  ///
  /// Nothing is in between (no shell, no `env`, no run loop): for the shortest of what is measured that would count.
  @discardableResult
  func run() throws -> Double {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw failure("no pipe", errno) }
    let (reading, writing) = (ends[0], ends[1])
    defer { close(reading) }
    #if os(Linux)
      var actions = posix_spawn_file_actions_t()
    #else
      var actions: posix_spawn_file_actions_t?
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, writing, STDERR_FILENO)
    for end in [reading, writing] { posix_spawn_file_actions_addclose(&actions, end) }
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()

    let start = DispatchTime.now()
    let error = posix_spawnp(&process, path, &actions, nil, &words, environ)
    close(writing)
    guard error == 0 else { throw failure("cannot be started", error) }
    var said: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(reading, &bytes, bytes.count)
      if count > 0 { said += bytes[..<count].prefix(max(0, 400 - said.count)) }
      if count == 0 || (count < 0 && errno != EINTR) { break }
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9

    guard status == 0 else {
      let how = status & 0x7F == 0 ? "status \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
      throw BenchError("\(path): \(how): \(String(decoding: said, as: UTF8.self))")
    }
    return seconds
  }

  private func failure(_ what: String, _ error: Int32) -> BenchError {
    BenchError("\(path): \(what): \(String(cString: strerror(error)))")
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A program that keeps credentials, as `docker login` uses it: `docker-credential-NAME get` reads the name of a server, and
/// writes who logs in there.
struct CredentialHelper {
  let program: String
  /// What the program knows the registry as.
  let server: String

  private static let starting = Mutex(())
  /// Bytes of an answer.
  private static let longestAnswer = 1 << 16

  /// The one that a file names for a registry; nil if it names none.
  init?(_ json: JSON, for registry: String, _ path: String) throws {
    var found: (name: String, server: String)?
    // Docker's own registry has a name that is no host.
    let server = registry == "docker.io" ? "https://index.docker.io/v1/" : registry
    if let name = json["credsStore"]?.text, !name.isEmpty { found = (name, server) }
    if case .object(let members)? = json["credHelpers"],
      let member = members.last(where: { RegistryCredentials.isKey($0.key, of: registry) }),
      let name = member.value.text
    {
      // An empty name leaves this registry to the file.
      found = name.isEmpty ? nil : (name, registry == "docker.io" ? server : member.key)
    }
    guard let found else { return nil }
    // It is a part of a file's name, and searched for in PATH.
    guard found.name.utf8.count <= 100, found.name.utf8.allSatisfy(Self.isPlain) else {
      throw RegistryError.credentials(path, "\(found.name.quoted) is no name of a program for credentials")
    }
    (program, self.server) = ("docker-credential-\(found.name)", found.server)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }

  /// - Returns: nil if it has none for the server.
  /// - Throws: ``RegistryError/credentials(_:_:)``.
  func credentials(_ patience: Duration) throws -> RegistryCredentials? {
    let (status, answer) = try run(patience)
    guard status == 0 else {
      let message = String(decoding: answer, as: UTF8.self)
      if message.contains("credentials not found") { return nil }
      throw failure(message.isEmpty ? "it fails with status \(status)" : message.quoted)
    }
    let json: JSON
    do { json = try JSONParser.value(answer) } catch { throw failure("its answer is no JSON: \(error)") }
    guard let name = json["Username"]?.text, let secret = json["Secret"]?.text else {
      throw failure("its answer has no Username and Secret")
    }
    if name.isEmpty, secret.isEmpty { return nil }
    var credentials = RegistryCredentials(username: name, password: secret)
    if name == "<token>" { (credentials.username, credentials.password, credentials.identityToken) = ("", "", secret) }
    guard !name.contains(":") || name == "<token>" else { throw failure("its Username has a colon") }
    return credentials
  }

  private func failure(_ reason: String) -> RegistryError { .credentials(program, reason) }

  // MARK: Running

  /// Runs it with the server's name as its input.
  ///
  /// - Returns: its exit status, or 128 and the number of the signal that ended it; what it wrote.
  private func run(_ patience: Duration) throws -> (status: Int32, output: [UInt8]) {
    // One at a time, or a program might inherit another's end of a pipe, which then would not end.
    let (process, output) = try Self.starting.withLock { _ in
      let (input, output) = (try Pipe(failure), try Pipe(failure))
      // A pipe has room for that. Written before there is a reader that could go away, it raises no signal.
      var bytes = Array(server.utf8)
      guard bytes.count <= 4096, write(input.writing.number, &bytes, bytes.count) == bytes.count else {
        throw failure("the server's name cannot be handed over")
      }
      let process = try start(input.reading.number, output.writing.number)
      input.close()
      output.writing.close()
      return (process, output.reading)
    }

    let clock = ContinuousClock()
    let end = clock.now + patience
    var answer: [UInt8] = []
    var (isDone, status) = (false, Int32(0))
    defer {
      if !isDone {
        kill(process, SIGKILL)
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
      }
    }
    func waitFor(_ what: String) throws -> Int32 {
      let left = (end - clock.now).components
      guard left.seconds >= 0, left.attoseconds >= 0 else {
        throw failure("it has not \(what) within \(patience.components.seconds) s")
      }
      return Int32(clamping: min(left.seconds, 1 << 20) * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1)
    }
    while true {
      var ready = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
      let found = poll(&ready, 1, try waitFor("answered"))
      if found < 0, errno != EINTR { throw failure("waiting for it fails with error \(errno)") }
      guard found > 0 else { continue }
      var isInterrupted = false
      let part = [UInt8](unsafeUninitializedCapacity: 4096) { room, count in
        let result = read(output.number, room.baseAddress, room.count)
        isInterrupted = result < 0 && errno == EINTR
        count = max(0, result)
      }
      if isInterrupted { continue }
      if part.isEmpty { break }
      answer += part
      guard answer.count <= Self.longestAnswer else { throw failure("its answer is too long") }
    }
    while true {
      let result = waitpid(process, &status, WNOHANG)
      if result == process { break }
      if result < 0, errno != EINTR {
        // Somebody else has waited for it, and its number may be another process by now.
        isDone = true
        throw failure("how it ended is not known: error \(errno)")
      }
      _ = try waitFor("ended")
      usleep(1000)
    }
    isDone = true
    // As WIFEXITED and WEXITSTATUS, which are macros.
    let signal = status & 0x7F
    return (signal != 0 ? 128 + signal : status >> 8 & 0xFF, answer)
  }

  private func start(_ input: Int32, _ output: Int32) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // A program that is a pipeline of a shell relies on that signal, which may be ignored here.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("get"), nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let error = posix_spawnp(&process, program, &actions, &attributes, &arguments, environ)
    guard error == 0 else {
      throw failure(
        error == ENOENT ? "the program that keeps credentials is not in PATH" : String(cString: strerror(error)))
    }
    return process
  }

  /// A descriptor, which is closed once.
  private final class End {
    let number: Int32
    private var isOpen = true

    init(_ number: Int32) {
      self.number = number
      _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }

    func close() {
      if isOpen { closeDescriptor(number) }
      isOpen = false
    }

    deinit { close() }
  }

  private struct Pipe {
    let reading: End
    let writing: End

    init(_ failure: (String) -> RegistryError) throws {
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0 else { throw failure("no pipe: error \(errno)") }
      // Standard input and output may be closed: what is not there must not be one of them.
      (reading, writing) = (End(ends[0]), End(ends[1]))
      guard ends.allSatisfy({ $0 > STDERR_FILENO }) else { throw failure("standard input or output is closed") }
    }

    func close() {
      reading.close()
      writing.close()
    }
  }
}

private func closeDescriptor(_ number: Int32) { close(number) }

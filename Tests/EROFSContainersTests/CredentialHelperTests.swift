// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// Programs that keep credentials, with some that are written for this in PATH; which is everybody's, so one after the other.
@Suite(.serialized) struct CredentialHelperTests {
  private let folder = Folder()
  /// Part of the names of this test's programs: PATH is everybody's.
  private let mark = "test\(UInt32.random(in: 0...UInt32.max))"

  private func addHelper(_ name: String, _ script: String) throws {
    let path = folder("docker-credential-\(mark)-\(name)")
    try Data("#!/bin/sh\n[ \"$1\" = get ] || exit 9\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
    try run("/bin/chmod", "+x", path)
  }

  private func found(_ text: String, _ registry: String, patience: Duration = .seconds(60)) throws
    -> RegistryCredentials?
  {
    try folder.write("config.json", Array(text.replacingOccurrences(of: "%", with: "\(mark)-").utf8))
    return try RegistryCredentials.inDockerFile(FilePath(folder("config.json")), for: registry, patience: patience)
  }

  /// Nothing is taken away that somebody else put there, and nothing is put back.
  private func addToPath() {
    setenv("PATH", "\(folder.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/bin:/usr/bin")", 1)
  }

  private func reason(_ text: String, _ registry: String = "a.io", patience: Duration = .seconds(60)) -> String {
    do { return "found \(String(describing: try found(text, registry, patience: patience)))" } catch {
      return "\(error)"
    }
  }

  @Test func credentialsAreThoseOfThePrograms() throws {
    try addHelper("echo", "printf '{\"ServerURL\": \"x\", \"Username\": \"me\", \"Secret\": \"%s\"}' \"$(cat)\"")
    try addHelper("token", "echo '{\"Username\": \"<token>\", \"Secret\": \"t\"}'")
    try addHelper("none", "echo 'credentials not found in native keychain'; exit 1")
    // It reads nothing, and is gone before anybody could write.
    try addHelper("deaf", "exec 0<&-; echo '{\"Username\": \"d\", \"Secret\": \"s\"}'")
    addToPath()
    let text = """
      {"auths": {"none.io": {"username": "u", "password": "p"}, "file.io": {"username": "f", "password": "p"}},
        "credHelpers": {"none.io": "%none", "token.io": "%token", "file.io": "", "https://url.io": "%echo",
          "deaf.io": "%deaf"},
        "credsStore": "%echo"}
      """
    #expect(try found(text, "a.io:5000") == RegistryCredentials(username: "me", password: "a.io:5000"))
    #expect(try found(text, "docker.io")?.password == "https://index.docker.io/v1/")
    #expect(try found(text, "url.io")?.password == "https://url.io")
    #expect(try found(text, "token.io")?.identityToken == "t" && found(text, "token.io")?.password == "")
    #expect(try found(text, "none.io")?.username == "u")
    #expect(try found(text, "file.io")?.username == "f")
    #expect(try found(text, "deaf.io")?.username == "d")
    #expect(try found("{\"credsStore\": \"%none\"}", "a.io") == nil)
  }

  @Test func whatProgramsDoWrongIsSaid() throws {
    try addHelper("fails", "echo 'the store is locked'; exit 1")
    try addHelper("silent", "exit 3")
    try addHelper("killed", "kill -9 $$")
    try addHelper("text", "echo hello")
    try addHelper("half", "echo '{\"Username\": \"u\"}'")
    try addHelper("colon", "echo '{\"Username\": \"u:v\", \"Secret\": \"s\"}'")
    try addHelper("long", "while :; do echo 00000000000000000000000000000000000000000000000000000000000; done")
    try addHelper("slow", "exec sleep 100")
    // It has answered, and does not end.
    try addHelper("stays", "echo '{}'; exec >&-; exec sleep 100")
    addToPath()
    for (name, wanted) in [
      ("fails", "the store is locked"), ("silent", "status 3"), ("killed", "status 137"), ("text", "no JSON"),
      ("half", "no Username and Secret"), ("colon", "has a colon"), ("long", "too long"), ("absent", "not in PATH"),
    ] {
      let said = reason("{\"credsStore\": \"%\(name)\"}")
      #expect(said.contains(wanted) && said.contains("docker-credential-"), "\(name): \(said)")
    }
    let slow = reason("{\"credsStore\": \"%slow\"}", patience: .milliseconds(200))
    #expect(slow.contains("has not answered"), "\(slow)")
    // Time enough to start a shell on a busy machine.
    let stays = reason("{\"credsStore\": \"%stays\"}", patience: .seconds(5))
    #expect(stays.contains("has not ended"), "\(stays)")
    for name in ["../../bin/sh", "a b", String(repeating: "a", count: 200)] {
      #expect(reason("{\"credsStore\": \"\(name)\"}").contains("no name of a program"))
    }
  }
}

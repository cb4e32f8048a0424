// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// Texts that name images, servers and logins.
@Suite struct RegistryNamesTests {
  private static let digest = "sha256:" + String(repeating: "a", count: 64)

  @Test func referencesAreThoseOfDocker() throws {
    for (text, whole) in [
      ("alpine", "docker.io/library/alpine:latest"), ("alpine:3.20", "docker.io/library/alpine:3.20"),
      ("me/it", "docker.io/me/it:latest"), ("index.docker.io/me/it:1", "docker.io/me/it:1"),
      ("quay.io/a/b/c:x_Y-.1", "quay.io/a/b/c:x_Y-.1"), ("localhost/it", "localhost/it:latest"),
      ("LOCALHOST:5000/it", "localhost:5000/it:latest"), ("[::1]:5000/it", "[::1]:5000/it:latest"),
      ("host:80/a__b/c---d/e.f:t", "host:80/a__b/c---d/e.f:t"), ("q.io/i@\(Self.digest)", "q.io/i@\(Self.digest)"),
      ("q.io/i:t@\(Self.digest)", "q.io/i:t@\(Self.digest)"),
    ] { #expect(try ImageReference(text).description == whole) }
    #expect(try ImageReference("alpine").host == "registry-1.docker.io")
    #expect(try ImageReference("q.io/i:t@\(Self.digest)").version == Self.digest)
    for wrong in [
      "", "Alpine", "a:b:c", "a b", "https://q.io/a", "q.io/", "q.io/a//b", "q.io/../a", "q.io/a/", "q.io/-a",
      "q.io/a-",
      "q.io/a___b", "q.io/a..b", "q.io/a:", "q.io/a:-t", "q.io/a@sha256:12", "q.io/a@sha512:\(Self.digest)",
      "user@q.io/a",
      "q.io:0/a", "q.io:99999/a", "q.io:x/a", "q.io/\(String(repeating: "a", count: 256))", "[::1/a", "ä.io/a",
      "q.io/a\n",
      "q.io/a:" + String(repeating: "t", count: 129),
    ] { #expect(throws: RegistryError.self, "\(wrong)") { try ImageReference(wrong) } }
  }

  @Test func redirectionsLead() throws {
    let here = try #require(RegistryAddress("HTTPS://Host.io/v2/a/blobs/x?b=1"))
    #expect(here.text == "https://host.io/v2/a/blobs/x?b=1" && "\(here)" == "https://host.io/v2/a/blobs/x")
    for (location, wanted) in [
      ("/else", "https://host.io/else"), ("else?c=%2F", "https://host.io/v2/a/blobs/else?c=%2F"),
      ("?c", "https://host.io/v2/a/blobs/x?c"), ("//other.io:8/x", "https://other.io:8/x"),
      ("http://other.io", "http://other.io/"), ("https://[2001:db8::1]:5/x#part", "https://[2001:db8::1]:5/x"),
      ("/a{b}|\\ä", "https://host.io/a%7Bb%7D%7C%5C%C3%A4"),
      ("/x?to=https://a.io", "https://host.io/x?to=https://a.io"),
    ] { #expect(here.resolving(location)?.text == wanted, "\(location)") }
    for wrong in [
      "ftp://other.io/", "https://user@other.io/", "https://other.io\\@evil.io/", "https:///x", "https://a b/",
      "/a\r\nb",
      "https://other.io:0/", "file:/etc/passwd", "https://[::1", "https://" + String(repeating: "a", count: 300),
      "/" + String(repeating: "a", count: 20000),
    ] { #expect(here.resolving(wrong) == nil, "\(wrong)") }
    for (host, isHere) in [
      ("localhost", true), ("127.0.0.1", true), ("127.255.0.1", true), ("[::1]", true), ("localhost.io", false),
      ("127.0.0.1.io", false), ("127.0.0", false), ("128.0.0.1", false), ("[::2]", false),
    ] { #expect(RegistryAddress("http://\(host)/")?.origin.isLoopback == isHere, "\(host)") }
  }

  @Test func challengesAreTakenApart() {
    let found = RegistryChallenge.all([
      "Basic realm=\"a, b\", Bearer realm=\"https://auth.io/token\",service = reg ,scope=\"repository:a\\\"b:pull\"",
      "Negotiate", "=,=\"", "bearer realm=\"no end",
    ])
    #expect(
      found == [
        RegistryChallenge(scheme: "basic", parameters: ["realm": "a, b"]),
        RegistryChallenge(
          scheme: "bearer",
          parameters: ["realm": "https://auth.io/token", "service": "reg", "scope": "repository:a\"b:pull"]),
        RegistryChallenge(scheme: "negotiate"), RegistryChallenge(scheme: "bearer", parameters: ["realm": "no end"]),
      ])
  }

  @Test func base64IsFoundations() {
    for count in 0..<40 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 200) }
      #expect(
        Base64.encoded(bytes) == Data(bytes).base64EncodedString() && Base64.decoded(Base64.encoded(bytes)) == bytes)
    }
    #expect(Base64.decoded("YQ") == Array("a".utf8))
    for wrong in ["Y", "YR==", "Y Q=", "Y=Q="] { #expect(Base64.decoded(wrong) == nil, "\(wrong)") }
  }

  @Test func credentialsAreThoseOfDocker() throws {
    let folder = Folder()
    func found(_ text: String, _ registry: String) throws -> RegistryCredentials? {
      try folder.write("config.json", Array(text.utf8))
      return try RegistryCredentials.inDockerFile(FilePath(folder("config.json")), for: registry)
    }
    let text = """
      {"auths": {"https://index.docker.io/v1/": {"auth": "bWU6YTpi"}, "q.io": {"username": "u", "password": "p"},
        "https://index.docker.io/v1/refresh-token": {"auth": "MDA6"}, "q.io/team": {"username": "t", "password": "p"},
        "https://token.io": {"auth": "MDA6", "identitytoken": "t"}, "empty.io": {}, "bad.io": {"auth": "!"}}, "credsStore": ""}
      """
    #expect(try found(text, "docker.io") == RegistryCredentials(username: "me", password: "a:b"))
    #expect(try found(text, "q.io")?.basic == "Basic dTpw")
    #expect(try found(text, "token.io")?.identityToken == "t")
    #expect(try found(text, "empty.io") == nil && found(text, "else.io") == nil && found("{}", "q.io") == nil)
    #expect(throws: RegistryError.self) { try found(text, "bad.io") }
    #expect(throws: RegistryError.self) { try found("{", "q.io") }
    #expect(throws: RegistryError.self) { try found("[" + String(repeating: " ", count: 2 << 20) + "]", "q.io") }
    #expect(try RegistryCredentials.inDockerFile(FilePath(folder("absent")), for: "q.io") == nil)
  }
}

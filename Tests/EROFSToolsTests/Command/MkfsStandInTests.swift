// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import EROFSTools
import Foundation
import Testing

@testable import EROFSBuilder
@testable import EROFSCommand

/// `erofs mkfs` and `mkfs.erofs` as programs: what they print, and how they end.
@Suite struct MkfsStandInTests {
  let folder = TemporaryFolder()

  private func mkfs(_ arguments: String...) throws -> Outcome { try Command.run(arguments, calledAs: "mkfs.erofs") }
  private func erofs(_ arguments: String...) throws -> Outcome {
    try Command.run(["mkfs"] + arguments, calledAs: "erofs")
  }

  @Test func explainsItself() throws {
    for (help, name) in [
      (try mkfs("--help"), "mkfs.erofs"), (try mkfs("-h", "whatever"), "mkfs.erofs"),
      (try erofs("--help"), "erofs mkfs"),
      (try Command.erofs("help", "mkfs"), "erofs mkfs"),
    ] {
      #expect(help.status == 0 && help.errors.isEmpty)
      #expect(help.text.contains("Usage: \(name) [OPTIONS] IMAGE SOURCE...\n"))
      for option in MkfsOption.allCases {
        #expect(help.text.contains("  \(option.form.short.map { "-\($0)" } ?? option.name)"))
      }
      for feature in MkfsFeature.allCases { #expect(help.text.contains("\n  \(feature.rawValue)")) }
      // Programs look for this to learn whether archives can be read.
      #expect(help.text.contains("--tar="))
      #expect(help.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }
    let version = try mkfs("-V")
    #expect(version.status == 0 && version.text.hasPrefix("mkfs.erofs (swift-erofs) "))
    #expect(version.text.hasSuffix("\navailable compressors: lz4, lz4hc, lzma, deflate, libdeflate, zstd\n"))
    #expect(try Command.erofs("--help").text.contains("  mkfs  "))
  }

  @Test func wrongUsagePointsToTheHelp() throws {
    let ours = try erofs("-zlz5", "image", "source")
    #expect(ours.status == 64 && ours.output.isEmpty)
    #expect(ours.errors.hasPrefix("erofs: -z: \"lz5\" is none of the algorithms"))
    #expect(ours.errors.hasSuffix("\nTry 'erofs mkfs --help' for more information.\n"))
    let theirs = try mkfs("-C")
    #expect(theirs.status == 1 && theirs.output.isEmpty)
    #expect(
      theirs.errors
        == "mkfs.erofs: option requires an argument -- 'C'\nTry 'mkfs.erofs --help' for more information.\n")
  }

  @Test func failuresHaveTheFormThatScriptsKnow() throws {
    let image = folder("image")
    let theirs = try mkfs("-zlz4", image, folder("nothing"))
    #expect(theirs.status == 1 && theirs.output.isEmpty)
    #expect(
      theirs.errors
        == "<E> erofs: \(folder("nothing")): No such file or directory\n"
        + "<E> erofs: \tCould not format the device : \(image)\n")
    let ours = try erofs("--quiet", image, folder("nothing"))
    #expect(ours.status == 1 && ours.errors == "erofs: \(folder("nothing")): No such file or directory\n")
    let missing = try mkfs("--oci=f", image)
    #expect(missing.status == 1)
    #expect(
      missing.errors.hasPrefix(
        "<E> erofs: --oci: images of registries as sources are not supported yet by this version;"))
    #expect(missing.errors.contains("<E> erofs: \tCould not format the device : "))
    #expect(try erofs("--oci=f", image).status == 1)
    #expect(!FileManager.default.fileExists(atPath: image))
  }

  /// What only the image that is added to contradicts ends as each program's other failures do.
  @Test func lateRefusals() throws {
    let source = folder("source")
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    let image = folder("image")
    try #require(try erofs("--quiet", image, source).status == 0)
    let before = try Data(contentsOf: URL(fileURLWithPath: image))
    let words = "--incremental and --offset cannot be used together\n"
    let ours = try erofs("--incremental", "--offset=4096", image, source)
    #expect(ours.status == 64)
    #expect(ours.errors == "erofs: \(words)Try 'erofs mkfs --help' for more information.\n")
    let theirs = try mkfs("--incremental", "--offset=4096", image, source)
    #expect(theirs.status == 1)
    #expect(theirs.errors == "<E> erofs: \(words)<E> erofs: \tCould not format the device : \(image)\n")
    #expect(try Data(contentsOf: URL(fileURLWithPath: image)) == before)
  }

  @Test func fragmentsAreNamedAsTheyWereGiven() {
    var options = BuildOptions()
    let conflict = OptionError.conflict(.base, .fragments)
    let need = OptionError.needs(.packedClusterSize, .compression)
    options.fragments = .tails
    #expect(conflict.commandText(options) == "--incremental and -E fragments cannot be used together")
    #expect(need.commandText(options) == "-E fragments=BYTES needs -z")
    options.fragments = .all
    #expect(conflict.commandText(options) == "--incremental and -E all-fragments cannot be used together")
    #expect(need.commandText(options) == "-E all-fragments=BYTES needs -z")
  }

  @Test func strictnessIsForWarnings() throws {
    let outcome = try erofs("--strict", "-Efragments", folder("image"), folder.path)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "erofs: -E fragments has no effect without -z (--strict)\n")
    #expect(!FileManager.default.fileExists(atPath: folder("image")))
    #expect(
      try erofs("-Efragments", folder("image"), folder("nothing")).errors.hasPrefix("erofs: warning: -E fragments "))
    #expect(try !mkfs("-d1", "-Efragments", folder("image"), folder("nothing")).errors.contains("<W>"))
  }

  private static let unshare: String? =
    isSuperuser
    ? Command.find("unshare").flatMap { (try? Command.run($0, ["-U", "-r", "true"]))?.status == 0 ? $0 : nil } : nil

  /// A capability of a user that the process does not know can be listed and not read.
  @Test(.enabled(if: unshare != nil, "no user namespaces, or not the superuser"))
  func attributesThatCannotBeRead() throws {
    try FileManager.default.createDirectory(atPath: folder("source"), withIntermediateDirectories: true)
    let file = try folder.write(Array("text".utf8), "source/file")
    let capability: [UInt8] = [1, 0, 0, 3, 0, 4] + [UInt8](repeating: 0, count: 14) + [0xE8, 3, 0, 0]
    try #require(lsetxattr(file, "security.capability", capability, capability.count, 0) == 0)
    let arguments = ["-U", "-r", Command.path, "mkfs", "--strict", folder("image"), folder("source")]
    let strict = try Command.run(Self.unshare!, arguments)
    #expect(strict.status == 1)
    #expect(strict.errors.hasPrefix("erofs: \(file): the extended attribute security.capability cannot be read: "))
    let lenient = try Command.run(Self.unshare!, arguments.filter { $0 != "--strict" })
    #expect(lenient.errors.hasPrefix("erofs: warning: left out: \(file): the extended attribute security.capability "))
    #expect(try Command.run(Self.unshare!, arguments + ["-q", "-x-1"]).errors.isEmpty)
  }

  /// Some programs look in this one's file for the options that they would use.
  @Test func namesOfOptionsAreStringsOfC() throws {
    let program = try Data(contentsOf: URL(fileURLWithPath: Command.path))
    for name in ["mkfs-time", "sort"] {
      #expect(program.range(of: Data([0] + Array(name.utf8) + [0])) != nil, "\(name)")
    }
    #expect(program.range(of: Data([0] + Array("mkfs-tim".utf8) + [0])) == nil)
  }

  // MARK: The summary

  private static let summary: BuildSummary = {
    var summary = BuildSummary()
    summary.uuid = (0..<16).map { UInt8($0 * 0x11) }
    (summary.blockSize, summary.blocks, summary.inodes) = (4096, 100, 12)
    (summary.metadataBytes, summary.dataBytes) = (8192, 397_312)
    (summary.contentBytes, summary.sharedBytes, summary.packedBytes) = (1_000_000, 250_000, 100_000)
    (summary.verifiedFiles, summary.verifiedBytes) = (10, 1_000_000)
    summary.seconds = [.contents: 3, .verifying: 1]
    return summary
  }()

  @Test func scriptsFindTheirLines() {
    #expect(
      Self.summary.linesForScripts == """
        Build completed.
        ------
        Filesystem UUID: 00112233-4455-6677-8899-aabbccddeeff
        Filesystem total blocks: 100 (of 4096-byte blocks)
        Filesystem total inodes: 12
        Filesystem total metadata blocks: 2
        Filesystem total deduplicated bytes (of source files): 250000

        """)
  }

  /// Of an image that is added to, only what is new is compared with contents; room for them is not compared at all.
  @Test func whatIsAddedHasItsOwnTable() {
    var summary = Self.summary
    (summary.keptBytes, summary.dataBytes, summary.contentBytes) = (204_800, 192_512, 1000)
    (summary.sharedBytes, summary.packedBytes, summary.verifiedBytes, summary.seconds) = (0, 0, 0, [:])
    #expect(
      summary.table == """

                                   bytes   share
        contents that are added    1,000
        image                    409,600
          as it was              204,800  50.0 %
          data                   192,512  47.0 %
          metadata                 8,192   2.0 %
          neither                  4,096   1.0 %

        """)
  }

  @Test func peopleFindATable() {
    #expect(
      Self.summary.table == """

                                      bytes    share
        contents of files         1,000,000
          stored only once          250,000   25.0 %
          packed together           100,000   10.0 %
          read back and compared  1,000,000  100.0 %
        image                       409,600   41.0 %
          data                      397,312   97.0 %
          metadata                    8,192    2.0 %
          neither                     4,096    1.0 %

                   seconds   share
        contents      3.00  75.0 %
        verifying     1.00  25.0 %
        total         4.00

        """)
  }

  @Test func programsFindMembers() throws {
    let text = Self.summary.json(image: RawArgument(argument: "out")!, nil, warnings: ["w"]).text()
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(json["image"] as? String == "out" && json["image_bytes"] as? Int == 409_600)
    #expect(json["uuid"] as? String == "00112233-4455-6677-8899-aabbccddeeff")
    #expect(json["seconds"] as? [String: Double] == ["contents": 3, "verifying": 1])
    #expect(json["warnings"] as? [String] == ["w"] && json["shared_bytes"] as? Int == 250_000)
  }
}

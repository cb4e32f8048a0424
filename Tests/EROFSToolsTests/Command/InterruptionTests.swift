// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport
import Testing

/// A signal that arrives while `erofs extract` runs.
@Suite(.serialized) struct InterruptionTests {
  let folder = TemporaryFolder()
  private static let smallCount = 4000
  private static let largeBytes = 256 << 20

  /// Takes seconds to extract: two large files whose chunks are all the same one, and many small ones.
  private static let image: (folder: TemporaryFolder, path: String) = {
    var image = CraftedImage()
    let chunk = image.add((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8 | 1) }, alignment: 4096)
    let count = largeBytes >> 20
    var names: [CraftedImage.Name] = []
    for name in ["large-1", "large-2"] {
      // Chunks of 256 blocks.
      let at = image.addInode(
        CraftedImage.inode(
          .chunked, mode: 0o100640, size: UInt64(largeBytes), union: CraftedImage.chunkUnion(shift: 8)))
      image.add(CraftedImage.chunkTable(repeatElement(UInt32(chunk / 4096), count: count)))
      names.append(.init(name: Array(name.utf8), nid: CraftedImage.nid(at: at), kind: .regular))
    }
    var small: [CraftedImage.Name] = []
    for number in 0..<smallCount {
      let inode = CraftedImage.inode(
        .flatPlain, mode: 0o100640, size: 20000, union: UInt32(chunk / 4096 + number % 200))
      let at = image.addInode(inode)
      small.append(.init(name: Array("small-\(number)".utf8), nid: CraftedImage.nid(at: at), kind: .regular))
    }
    let content = CraftedImage.directory(small)
    let data = image.add(content, alignment: 4096)
    let directory = CraftedImage.inode(
      .flatPlain, mode: 0o040550, size: UInt64(content.count), union: UInt32(data / 4096), links: 2)
    let at = image.addInode(directory)
    names.append(.init(name: Array("directory".utf8), nid: CraftedImage.nid(at: at), kind: .directory))
    let folder = TemporaryFolder()
    return (folder, try! folder.write(image.complete(names), "image"))
  }()

  /// With the dispositions that a program starts with from a terminal, whatever the tests were started from.
  private static let environment = Command.find("env")!

  struct Moment: CustomStringConvertible, Sendable {
    let signal: Int32
    let milliseconds: Int
    var description: String { "signal \(signal) after \(milliseconds) ms" }
  }

  static let moments: [Moment] = [SIGINT, SIGTERM, SIGHUP].enumerated().flatMap { index, signal in
    [0, 15, 60, 140].map { Moment(signal: signal, milliseconds: $0 + 5 * index) }
  }

  private var target: String { folder("target") }

  private func names(below path: String) throws -> [String] {
    (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).sorted()
  }

  /// Extracts, and sends the signal so long after the first thing has been made.
  private func interrupt(_ moment: Moment, _ program: [String]) throws -> Outcome {
    let before = try names(below: target)
    let running = try Command.start(
      Self.environment, ["--default-signal=INT,TERM,HUP"] + program)
    while try running.process.isRunning && names(below: target) == before { usleep(500) }
    usleep(UInt32(moment.milliseconds) * 1000)
    kill(running.process.processIdentifier, moment.signal)
    return try running.finish()
  }

  private func extract(_ options: String...) -> [String] {
    [Command.path, "extract"] + options + [Self.image.path, target]
  }

  private func expectWhole(_ path: String) throws {
    let name = (path as NSString).lastPathComponent
    let size = try FileManager.default.attributesOfItem(atPath: target + "/" + path)[.size] as? Int
    if name.hasPrefix("large") {
      #expect(size == Self.largeBytes, "\(path)")
      // What has not been written would be a hole.
      var status = stat()
      #expect(stat(target + "/" + path, &status) == 0)
      #expect(Int(status.st_blocks) * 512 >= Self.largeBytes, "\(path)")
    } else if name.hasPrefix("small") {
      #expect(size == 20000, "\(path)")
    } else {
      #expect(path == "directory")
    }
  }

  /// In an empty directory all grows in a folder of its own, and nothing of it stays.
  @Test(arguments: moments)
  func leavesNothing(moment: Moment) throws {
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    let outcome = try interrupt(moment, extract())
    #expect(outcome.status == -moment.signal)
    #expect(outcome.errors.contains("stopped before the end"), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
    #expect(try names(below: target) == [])
  }

  /// Among things that are there, only whole files have got their names, and a second run makes the rest.
  @Test(arguments: moments)
  func leavesWholeFiles(moment: Moment) throws {
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    _ = try folder.write(Array("mine".utf8), "target/own")
    _ = try folder.write(Array("mine".utf8), "target/large-2")
    let outcome = try interrupt(moment, extract("--overwrite"))
    #expect(outcome.status == -moment.signal)
    #expect(outcome.errors.contains("stopped before the end"), "\(outcome.errors)")
    for path in try names(below: target) where path != "own" {
      if path == "large-2", try Data(contentsOf: URL(fileURLWithPath: target + "/large-2")) == Data("mine".utf8) {
        continue
      }
      try expectWhole(path)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: target + "/own")) == Data("mine".utf8))
    guard moment.milliseconds > 100 else { return }
    #expect(try Command.run(Command.path, ["extract", "--overwrite", Self.image.path, target]).status == 0)
    let rest = try names(below: target)
    #expect(rest.count == 4 + Self.smallCount)
    for path in rest where path != "own" { try expectWhole(path) }
  }

  /// A directory that it made itself goes away as well.
  @Test func leavesNoDirectory() throws {
    let outcome = try interrupt(Moment(signal: SIGTERM, milliseconds: 30), extract())
    #expect(outcome.status == -SIGTERM)
    #expect(!FileManager.default.fileExists(atPath: target))
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func asFsck(signal: Int32) throws {
    try FileManager.default.createSymbolicLink(atPath: folder("fsck.erofs"), withDestinationPath: Command.path)
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    let outcome = try interrupt(
      Moment(signal: signal, milliseconds: 50), [folder("fsck.erofs"), "--extract=\(target)", Self.image.path])
    #expect(outcome.status == -signal)
    #expect(outcome.errors.contains("stopped before the end"), "\(outcome.errors)")
    #expect(try names(below: target) == [])
  }

  /// As under nohup: what was ignored when the program started stays so.
  @Test func ignoredSignal() throws {
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    let running = try Command.start(Self.environment, ["--ignore-signal=HUP"] + extract())
    while try running.process.isRunning && names(below: target).isEmpty { usleep(500) }
    let process = running.process.processIdentifier
    #expect(running.process.isRunning)
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8).split(separator: "\n")
    let ignored = try #require(status.first { $0.hasPrefix("SigIgn:") }?.split(separator: "\t").last)
    #expect(try #require(UInt64(ignored, radix: 16)) & 1 == 1, "\(ignored)")
    #expect(kill(process, SIGHUP) == 0)
    let outcome = try running.finish()
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try names(below: target).count == 3 + Self.smallCount)
  }
}

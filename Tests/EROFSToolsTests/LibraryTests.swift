// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import EROFSTools

/// What programs in Swift use: paths, ranges, cursors, pools, patterns, and the texts of errors.
@Suite struct LibraryTests {
  private static let image = "lz4hc-64k-tail"
  private static let file = "/contents/text-150000"

  // MARK: Reading

  private func check(_ reader: some ImageReading, _ name: String) throws {
    var numbers = SystemRandomNumberGenerator()
    for row in ReferenceImages.manifest where row.sha256 != nil {
      let file = try reader.file(at: row.path, followsLast: false)
      guard file.kind == .regular, file.size < 1 << 20 else { continue }
      let content = try reader.contents(of: file)
      #expect(sha256(content) == row.sha256, "\(name) \(file)")
      for _ in 0..<3 {
        let start = Int.random(in: 0...content.count, using: &numbers)
        let count = Int.random(in: 0...8192, using: &numbers)
        let wanted = Array(content[start..<min(content.count, start + count)])
        #expect(try reader.read(file, at: UInt64(start), count: count) == wanted, "\(name) \(file) \(start) \(count)")
      }
      #expect(try reader.read(file, at: .max, count: 10) == [])
      #expect(try reader.read(file, at: 0, count: -1) == [])
    }
  }

  /// A file, bytes in memory, and a storage that is read in parts, without and with a limit of work.
  @Test(
    arguments: ReferenceImages.among(
      "plain-512", "chunks-64k-device", image, "zstd-metabox-fragments", "libdeflate-32k-tail"))
  func rangesAreRight(name: String) throws {
    let devices = try ReferenceImages.devices(name).map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    let image = try ReferenceImages.image(name)
    let storage = TestStorage([image] + devices, isMapped: false)
    let file = try ReferenceImages.open(name)
    try check(try ImageReader(file, limit: WorkLimit(for: file)), name)
    try check(try ImageReader(ImageFile(bytes: image, devices: devices)), name)
    try check(try StorageReader(storage), name)
    try check(try ImageReader(ImageFile(copying: storage, devices: devices.count)), name)
  }

  /// Everything that takes an image file takes one in memory.
  @Test func imagesInMemoryAreCheckedAndExtracted() throws {
    let image = ImageFile(bytes: [UInt8](try ReferenceImages.image(Self.image)))
    let (found, summary) = problems(of: image, try Superblock(reading: image))
    #expect(found.isEmpty && summary.contentBytes > 0)
    let folder = TemporaryFolder()
    #expect(try extractedAll(image, folder("out")).names == ReferenceImages.manifest.count - 1)
    #expect(throws: EROFSError.self) { try ImageReader(ImageFile(bytes: [UInt8]())) }
    let half = ImageFile(bytes: try ReferenceImages.image(Self.image).prefix(200_000))
    #expect(!problems(of: half, try Superblock(reading: half)).0.isEmpty)
  }

  private func extractedAll(_ image: ImageFile, _ folder: String) throws -> ExtractSummary {
    try Extractor(image).extract(into: folder)
  }

  @Test func storageThatFailsIsAnErrorWithThePath() throws {
    let storage = TestStorage([try ReferenceImages.image(Self.image)], isMapped: false)
    let reader = try StorageReader(storage)
    _ = try reader.contents(of: Self.file)
    let reads = storage.reads
    let failing = TestStorage([try ReferenceImages.image(Self.image)], isMapped: false, failingRead: reads - 1)
    let error = #expect(throws: TreeError.self) { try StorageReader(failing).contents(of: Self.file) }
    #expect("\(try #require(error))".hasPrefix(Self.file + ": reading byte "))
    #expect("\(try #require(error))".hasSuffix(" failed: Input/output error"))
  }

  @Test func cursorsReadOn() throws {
    let reader = try ReferenceImages.reader(Self.image)
    let content = try reader.contents(of: Self.file)
    var cursor = try reader.open(Self.file)
    var read: [UInt8] = []
    while !cursor.isAtEnd {
      var buffer = [UInt8](repeating: 0, count: 7001)
      var span = buffer.mutableSpan
      var bytes = span.mutableBytes
      let count = try cursor.read(into: &bytes)
      read += buffer[..<count]
    }
    #expect(read == content && cursor.position == 150_000)
    #expect(try cursor.read(count: 10).isEmpty)
    cursor.position = .max
    #expect(try cursor.isAtEnd && cursor.read(count: 10).isEmpty)
  }

  @Test func attributesAreTypesThatPeopleUse() throws {
    let reader = try ReferenceImages.reader(Self.image)
    let file = try reader.file(at: Self.file)
    #expect(file.filePath == FilePath(Self.file) && file.name == "text-150000" && "\(file)" == Self.file)
    #expect(file.permissions.rawValue == CInterop.Mode(file.inode.permissions))
    #expect(
      file.modified
        == Moment(seconds: file.inode.modificationTime.seconds, nanoseconds: file.inode.modificationTime.nanoseconds))
    #expect(Moment(seconds: -1, nanoseconds: 500_000_000).sinceEpoch == .milliseconds(-500))
    #expect(Moment(seconds: 1_785_933_296, nanoseconds: 5).description == "2026-08-05T12:34:56.000000005Z")
    #expect(Moment(seconds: 1) < Moment(seconds: 1, nanoseconds: 1))
    for row in ReferenceImages.manifest {
      let file = try reader.file(at: row.path, followsLast: false)
      let texts = try reader.attributes(of: file.inode)
      #expect(try reader.extendedAttributes(of: file).count == Set(texts.map(\.name)).count)
    }
  }

  // MARK: Errors

  @Test func errorsHaveThePath() throws {
    let reader = try ReferenceImages.reader(Self.image)
    func said(_ body: () throws(TreeError) -> Void) -> String {
      do throws(TreeError) { try body() } catch { return "\(error)" }
      return ""
    }
    #expect(
      said { () throws(TreeError) in _ = try reader.contents(of: "/no\nne") }
        == "/no\\x0ane: no such file or directory in the image")
    #expect(
      said { () throws(TreeError) in _ = try reader.contents(of: Self.file + "/x") } == Self.file
        + "/x: not a directory")
    #expect(
      said { () throws(TreeError) in _ = try reader.contents(of: Self.file + "/") } == Self.file + "/: not a directory")
    #expect(
      said { () throws(TreeError) in _ = try reader.contents(of: "/contents") } == "/contents: not a regular file")
    #expect(said { () throws(TreeError) in _ = try reader.entries(of: Self.file) } == Self.file + ": not a directory")
    #expect(
      said { () throws(TreeError) in _ = try reader.contents(of: Self.file, atMost: 149_999) }.hasPrefix(
        Self.file + ": it has more bytes"))
    let error: any Error = ImageReader.PieceError<CancellationError>.image(.notAFile)
    #expect("\(error)" == "not a regular file")
    let missing = #expect(throws: ImageFile.OpenError.self) { try ImageFile("/no/image") }
    #expect("\(try #require(missing))" == "/no/image: No such file or directory")
  }

  @Test(.enabled(if: ReferenceImages.names.contains("chunks-64k-device"), "no image with an extra device"))
  func missingDevicesAreNamedByTheirNumber() throws {
    let reader = try ImageReader(ImageFile(ReferenceImages.path("chunks-64k-device")))
    var errors: [TreeError] = []
    reader.forEachFile(onError: { errors.append($0) }) { file in
      guard file.kind == .regular else { return }
      do throws(TreeError) { _ = try reader.contents(of: file) } catch { errors.append(error) }
    }
    let first = try #require(errors.first)
    #expect("\(first)".contains(": extra device 1 is missing, at "))
  }

  // MARK: Patterns

  @Test(arguments: [
    ("/etc/*.conf", "/etc/a.conf", true), ("etc/*.conf", "/etc/a.conf", true), ("/etc/*.conf", "/etc/x/a.conf", false),
    ("/**/*.so", "/a.so", true), ("/**/*.so", "/usr/lib/a.so", true), ("/usr/**", "/usr", true),
    ("/usr/**", "/usr/a/b", true),
    ("/usr/**", "/us", false), ("**", "/", true), ("/*", "/", false), ("/a?c", "/aéc", true), ("/a?c", "/ac", false),
    ("/[a-c]x", "/bx", true), ("/[!a-c]x", "/bx", false), ("/[]]x", "/]x", true), ("/[x", "/[x", true),
    ("/[\\]]", "/]", true), ("/[\\!a]", "/!", true), ("/[a\\-z]", "/b", false), ("/[a\\-z]", "/-", true),
    ("/[z-a]", "/b", false),
    ("/\\*", "/*", true),
    ("/\\*", "/a", false), ("/*a*b*c", "/xxaxxbxxc", true), ("/*a*b*c", "/xxaxxcxxb", false), ("/a**b", "/axxb", true),
    ("/a/**/b/**/c", "/a/b/c", true), ("/a/**/b/**/c", "/a/x/b/y/z/c", true), ("/a/**/b/**/c", "/a/x/c", false),
    ("/*", "/.hidden", true), ("/x/**/", "/x/y", true),
  ])
  func patternsAreThoseOfShells(pattern: String, path: String, matches: Bool) {
    #expect(PathPattern(pattern).matches(Array(path.utf8)) == matches)
  }

  /// A pattern that would take a careless matcher longer than anybody waits.
  @Test func patternsTakeLittleTime() {
    let path: [UInt8] = [0x2F] + [UInt8](repeating: 0x61, count: 255)
    #expect(!PathPattern("/" + String(repeating: "*a", count: 100) + "b").matches(path))
    let deep = [UInt8](Array(repeating: Array("/a".utf8), count: 2000).joined())
    #expect(!PathPattern(String(repeating: "/**/a", count: 30) + "/b").matches(deep))
  }

  @Test(arguments: ["/contents/*", "/**/text-*", "**", "/contents", "/no/**", "/*/*[0-9]"])
  func walksFindWhatMatches(text: String) throws {
    let reader = try ReferenceImages.reader(Self.image)
    let pattern = PathPattern(text)
    let wanted = Set(ReferenceImages.manifest.map(\.path).filter(pattern.matches))
    let found = try reader.files(matching: pattern)
    #expect(Set(found.map(\.path)) == wanted)
    #expect(found.count == wanted.count)
  }

  // MARK: Tasks

  @Test func poolsKeepReaders() async throws {
    let pool = try ReaderPool(try ReferenceImages.open(Self.image), mostIdle: 2)
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<16 { group.addTask { try pool.withReader { try $0.contents(of: Self.file).count } } }
      return try await group.reduce(0, +)
    }
    #expect(total == 16 * 150_000)
    #expect((1...2).contains(pool.idleCount))
    let content = try pool.withReader { try $0.contents(of: Self.file) }
    var read: [UInt8] = []
    for try await chunk in try pool.chunks(of: Self.file, count: 4097) { read += chunk }
    #expect(read == content)
    for try await chunk in try pool.chunks(of: Self.file, count: 0) {
      #expect(chunk == Array(content[..<1]))
      break
    }
    #expect((1...2).contains(pool.idleCount))
    #expect(throws: TreeError.self) { try pool.chunks(of: "/none") }
  }

  @Test func chunksEndWhenTheTaskIsCancelled() async throws {
    let pool = try ReaderPool(try ReferenceImages.open(Self.image))
    let task = Task {
      var count = 0
      for try await _ in try pool.chunks(of: Self.file, count: 100) {
        count += 1
        if count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return count
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(pool.idleCount == 1)
  }

  private func extractNow(_ extractor: Extractor, _ folder: String) throws -> ExtractSummary {
    try extractor.extract("/", into: folder)
  }

  /// Cancelled in the middle, by what is reported first.
  @Test(arguments: [true, false]) func extractionEndsWhenTheTaskIsCancelled(waits: Bool) async throws {
    let image = try ReferenceImages.open(Self.image)
    let folder = TemporaryFolder()
    _ = try extractNow(Extractor(image), folder("out"))
    let running = Mutex<Task<ExtractSummary, any Error>?>(nil)
    let events = SynchronizedArray<ExtractEvent>()
    let extractor = try Extractor(image) { event in
      events.append(event)
      // The task may not be known yet.
      while running.withLock({ $0?.cancel() }) == nil {}
    }
    let task = Task {
      if waits { return try await extractor.extract("/", into: folder("out")) }
      return try extractNow(extractor, folder("out"))
    }
    running.withLock { $0 = task }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(events.all.count == 1)
  }

  @Test func extractionSaysWhichPathIsWrong() async throws {
    let image = try ReferenceImages.open(Self.image)
    let folder = TemporaryFolder()
    func said(_ path: String, _ target: String) async -> String {
      do { try await Extractor(image).extract(path, into: target) } catch { return "\(error)" }
      return ""
    }
    #expect(await said("/none", folder("a")) == "/none: no such file or directory in the image")
    #expect(!FileManager.default.fileExists(atPath: folder("a")))
    #expect(await said("/", folder("a/b")) == folder("a/b") + ": No such file or directory")
    let extractor = try Extractor(image)
    try await extractor.extract(Self.file, into: folder("one"))
    await #expect(throws: ExtractError.self) { try await extractor.extract(Self.file, into: folder("two")) }
    #expect(throws: Errno.resourceBusy) {
      try extractor.run(ImageReader(image).file(at: "/").inode, name: [], into: FilePath(folder("two")))
    }
    #expect(!FileManager.default.fileExists(atPath: folder("two")))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("one")) == ["text-150000"])
  }
}

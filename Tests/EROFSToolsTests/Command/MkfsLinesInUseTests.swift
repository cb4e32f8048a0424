// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import EROFS
import EROFSTools
import Encoders
import Foundation
import SystemPackage
import Testing

@testable import EROFSBuilder
@testable import EROFSCommand

/// The command lines that others use, run as `mkfs.erofs` on a small source, word by word: the files that they name are those of
/// the folder in which they run. Each has to make an image without problems that has the files, and what the options ask for.
@Suite struct MkfsLinesInUseTests {
  let folder = TemporaryFolder()

  /// Contents by path; those that some lines exclude are among them.
  private static let files: [String: [UInt8]] = {
    let text = (0..<9000).flatMap { Array("line \($0 &* $0 % 977) ".utf8) }
    let noise = (0..<9000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
    return [
      "bin/tool": text, "bin/again": text, "lib/noise.so": noise, "boot/kernel": Array(text.prefix(5000)),
      "run/lock": [1], "image": [2], "a.log": Array("log\n".utf8), "lib/empty": [],
    ]
  }()

  /// What lines of this kind exclude.
  private static func isExcluded(_ path: String, by line: String) -> Bool {
    line.contains("^image$") && (path == "image" || path.hasSuffix(".log"))
      || line.contains("^boot/.*") && (path.hasPrefix("boot/") || path.hasPrefix("run"))
  }

  // MARK: Sources

  private func makeSource(_ name: String) throws {
    for (path, bytes) in Self.files {
      let file = URL(fileURLWithPath: folder("\(name)/\(path)"))
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
      _ = lsetxattr(file.path, "user.note", "kept", 4, 0)
      if isSuperuser { chown(file.path, 5, 6) }
    }
  }

  /// The files beside the source, each named after the option that reads it.
  private func makeFiles() throws {
    _ = try folder.write(Array("16384 0 \\.so$\n0 boot/\n".utf8), "compress-hints")
    _ = try folder.write(Array("/.* u:object_r:every_file:s0\n".utf8), "file-contexts")
    let paths = Set(Self.files.keys.flatMap { [$0, String($0.prefix(while: { $0 != "/" }))] })
    let lines = ["system", "p"].flatMap { root in paths.map { "\(root)/\($0) 1 2 0755" } }
    _ = try folder.write(Array((["/ 0 0 0755"] + lines + [""]).joined(separator: "\n").utf8), "fs-config-file")
  }

  /// `F` becomes the name of its option.
  private func words(_ line: String) -> [String] {
    var words = line.split(separator: " ").map(String.init)
    for index in words.indices {
      let parts = words[index].split(separator: "=").map(String.init)
      if words[index] == "F" {
        words[index] = String(words[index - 1].drop { $0 == "-" })
      } else if parts.count == 2, parts[1] == "F" {
        words[index] = "\(parts[0])=\(parts[0].drop { $0 == "-" })"
      }
    }
    return words
  }

  @discardableResult private func mkfs(_ words: [String], in place: String? = nil, input: String = "/dev/null") throws
    -> Outcome
  {
    let program = folder("mkfs.erofs")
    if !FileManager.default.fileExists(atPath: program) {
      try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Command.path)
    }
    let script = #"cd "$0" && input=$1 && shift && exec "$@" < "$input""#
    let outcome = try Command.run("/bin/sh", ["-c", script, place ?? folder.path, input, program] + words)
    #expect(outcome.status == 0, "\(words.joined(separator: " ")): \(outcome.errors)")
    let reports = !words.contains("--quiet") && !words.contains("-d0")
    #expect(outcome.text.contains("Build completed.\n------\nFilesystem UUID: ") == reports)
    return outcome
  }

  // MARK: What is in the image

  /// - Parameter isExcluded: of paths of files.
  private func check(
    _ reader: ImageReader, isExcluded: (String) -> Bool = { _ in false }
  ) throws {
    for (path, wanted) in Self.files {
      if isExcluded(path) {
        #expect(throws: EROFSError.self, "\(path)") { try reader.inode(at: path.utf8) }
      } else {
        #expect(try reader.contents(of: path) == wanted, "\(path)")
      }
    }
  }

  /// Whether the image is as its options say.
  private func check(_ request: MkfsRequest, _ reader: ImageReader) throws {
    let (options, superblock) = (request.options, reader.superblock)
    #expect(superblock.blockSize == options.blockSize)
    for compression in request.compressions {
      let format = try #require(Algorithm(rawValue: compression.algorithm.format))
      #expect(superblock.compression.announces(format))
    }
    let tool = try reader.inode(at: "bin/tool".utf8)
    var isPacked = false
    for extent in try reader.extents(of: tool) {
      #expect(extent.length <= options.extentLimit ?? .max)
      if case .packed = extent.place { isPacked = true }
    }
    if options.fragments == .all { #expect(isPacked) }
    if options.fragments != .none { #expect(superblock.incompatible.contains(.fragments)) }
    if options.dedupes {
      // The second is where the first is.
      let again = try reader.inode(at: "bin/again".utf8)
      #expect(try reader.extents(of: tool).map(\.place) == reader.extents(of: again).map(\.place))
    }
    switch tool.layout {
    case .chunked: #expect(options.chunkSize != nil)
    case .compressedFull: #expect(!request.compressions.isEmpty)
    case .compressedCompact: #expect(!request.compressions.isEmpty && options.index != .full)
    default: #expect(request.compressions.isEmpty && options.chunkSize == nil)
    }
    let kernel = try reader.inode(at: "bin/again".utf8)
    if !options.inlinesData { #expect(kernel.layout != .flatInline) }
    if case .bytes(let uuid) = options.uuid {
      withUnsafeBytes(of: superblock.uuid) { #expect(Array($0) == uuid) }
    }
    withUnsafeBytes(of: superblock.volumeName) {
      #expect(Array($0.prefix { $0 != 0 }) == options.volumeName)
    }
  }

  private func checkMetadata(_ request: MkfsRequest, _ reader: ImageReader) throws {
    let tool = try reader.inode(at: "bin/tool".utf8)
    if let time = request.options.buildTime { #expect(tool.modificationTime.seconds == time.seconds) }
    let isLabelled = !request.fileContexts.isEmpty
    if request.ownerTable != nil {
      #expect(tool.userID == 1 && tool.groupID == 2)
    } else if isSuperuser {
      #expect(tool.userID == (request.edits.owners == .allRoot ? 0 : 5))
    }
    let names = try reader.attributes(of: tool).map { String(decoding: $0.name, as: UTF8.self) }
    #expect(names.contains("security.selinux") == isLabelled)
    if request.options.sharedAttributeThreshold == nil { #expect(names == []) }
  }

  // MARK: Lines

  @Test(arguments: MkfsCommandLineTests.inUse) func ofADirectory(_ line: String) throws {
    try makeSource("SRC")
    try makeFiles()
    var words = words(line)
    let isInside = words.last == "."
    if isInside { words[words.count - 2] = "../OUT" }
    try mkfs(words, in: isInside ? folder("SRC") : nil)
    let image = folder("OUT")
    #expect(try problems(of: image).isEmpty)
    let reader = try ImageReader(ImageFile(FilePath(image)))
    let request = try mkfsRequest(words)
    try check(reader) { Self.isExcluded($0, by: line) }
    try check(request, reader)
    try checkMetadata(request, reader)
    if line.contains("--block-list-file") {
      let list = try String(contentsOfFile: folder("block-list-file"), encoding: .utf8)
      #expect(list.contains("/system/bin/tool "))
    }
  }

  private static let tar = Command.find("tar")

  /// `SRC` is an archive; lines without it read their input.
  private func makeArchive(_ name: String, _ words: String...) throws {
    let outcome = try Command.run(Self.tar!, words + ["-C", folder("tree"), "-cf", folder(name), "."])
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(
    .enabled(if: tar != nil, "no tar"),
    arguments: MkfsCommandLineTests.archives + [
      "--tar=f,MAP OUT", "--tar=f --aufs --quiet -Enoinline_data -b4096 -zzstd -C 65536 OUT",
    ]) func ofAnArchive(_ line: String) throws
  {
    try makeSource("tree")
    try line.contains("gzip") ? makeArchive("SRC", "-z") : makeArchive("SRC")
    try mkfs(words(line), input: "SRC")
    #expect(try problems(of: folder("OUT")).isEmpty)
    let reader = try ImageReader(ImageFile(FilePath(folder("OUT"))))
    try check(reader)
    try check(mkfsRequest(line), reader)
    let tool = try reader.inode(at: "bin/tool".utf8)
    if isSuperuser { #expect(tool.userID == (line.contains("--force-uid=0") ? 0 : 5)) }
    if line.contains("-T 0") { #expect(tool.modificationTime.seconds == 0) }
    if line.contains("--mkfs-time") { #expect(tool.modificationTime.seconds > 1_700_000_000) }
    #expect(FileManager.default.fileExists(atPath: folder("MAP")) == line.contains("MAP"))
  }

  /// The image refers to the archive, as its device or appended to it.
  @Test(.enabled(if: tar != nil, "no tar"), arguments: ["--tar=i --aufs --quiet OUT", "--tar=0 -b4096 OUT"])
  func ofAnArchiveThatStays(_ line: String) throws {
    try makeSource("tree")
    try makeArchive("SRC")
    try mkfs(words(line), input: "SRC")
    #expect(try problems(of: folder("OUT"), devices: [folder("SRC")]).isEmpty)
    try check(ImageReader(ImageFile(FilePath(folder("OUT")), devices: [FilePath(folder("SRC"))])))
    let image = try Data(contentsOf: URL(fileURLWithPath: folder("OUT")))
    let archive = try Data(contentsOf: URL(fileURLWithPath: folder("SRC")))
    #expect(image.count < archive.count / 4)
    try check(ImageReader(ImageFile(FilePath(folder.write(image + archive, "both")))))
  }

  /// Images of layers become one.
  @Test(
    .enabled(if: tar != nil, "no tar"),
    arguments: [
      "--aufs --ovlfs-strip=1 --quiet OUT lower upper", "--aufs --ovlfs-strip=1 --quiet --vmdk-desc F OUT lower upper",
    ]) func ofLayers(_ line: String) throws
  {
    try makeSource("tree")
    try makeArchive("all")
    try FileManager.default.removeItem(atPath: folder("tree"))
    try FileManager.default.createDirectory(atPath: folder("tree/bin"), withIntermediateDirectories: true)
    _ = try folder.write(Array("newer".utf8), "tree/bin/tool")
    _ = try folder.write([], "tree/bin/.wh.again")
    try makeArchive("changes")
    let layer = ["--tar=f", "--aufs", "--quiet", "-Enoinline_data", "-b4096", "--sort=none"]
    try mkfs(layer + ["lower"], input: "all")
    try mkfs(layer + ["upper"], input: "changes")
    try mkfs(words(line))
    let devices = [folder("lower"), folder("upper")]
    #expect(try problems(of: folder("OUT"), devices: devices).isEmpty)
    let reader = try ImageReader(ImageFile(FilePath(folder("OUT")), devices: devices.map { FilePath($0) }))
    for (path, wanted) in Self.files where path != "bin/tool" && path != "bin/again" {
      #expect(try reader.contents(of: path) == wanted, "\(path)")
    }
    #expect(try reader.contents(of: "bin/tool") == Array("newer".utf8))
    #expect(throws: EROFSError.self) { try reader.inode(at: "bin/again".utf8) }
    let hasDescriptor = FileManager.default.fileExists(atPath: folder("vmdk-desc"))
    #expect(hasDescriptor == line.contains("--vmdk-desc"))
  }
}

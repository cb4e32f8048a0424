// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders
import Testing

@testable import EROFSCommand

private let zeros = "00000000-0000-0000-0000-000000000000"

/// How mkfs.erofs is called by others.
@Suite struct MkfsCommandLineTests {
  /// Each is taken as it stands, with OUT and SRC in their places.
  static let inUse = [
    "-zlz4hc,9 OUT SRC", "-zlzma,6 OUT SRC", "-T 1700000000 -U \(zeros) -zlz4hc,12 -C 65536 -Ededupe OUT SRC",
    "-zlz4hc,12 -Efragments -Eztailpacking OUT SRC", "-zlz4hc -Eall-fragments OUT SRC", "-zlz4 OUT SRC",
    "-U eb176051-bd15-49b7-9e6b-462e0b467019 --quiet -zzstd,level=3 OUT SRC --all-root -zlz4hc",
    "-U eb176051-bd15-49b7-9e6b-462e0b467019 OUT SRC -zlz4hc,12 -T0",
    "-U eb176051-bd15-49b7-9e6b-462e0b467019 --quiet OUT SRC -zzstd -Ededupe",
    "-z zstd,level=21 --exclude-regex=^image$ --exclude-regex=^.*\\.log$ -L LABEL OUT SRC",
    "-Eall-fragments,fragdedupe=inode -C 1048576 -z lzma,level=6 OUT SRC",
    "-Efragments -C 1048576 -z lzma,level=6 OUT SRC", "OUT SRC -z zstd,8 -Ededupe,all-fragments -C 65536",
    "OUT SRC --quiet -z zstd,19 -E dedupe,all-fragments -C 65536 --exclude-regex ^boot/.* --exclude-regex ^run",
    "-Efragments -C131072 --quiet OUT SRC",
    "--file-contexts=F --all-root -T 1700000000 -z lz4hc,12 -C 262144 OUT SRC",
    "-z lz4hc,9 --compress-hints F -b 4096 --mount-point /system --product-out D --fs-config-file F --file-contexts F "
      + "-T 1700000000 -U \(zeros) -C 65536 -E legacy-compress OUT SRC",
    "-z lz4hc,9 -b 4096 --mount-point /system --product-out D --fs-config-file F --file-contexts F -T 1700000000 "
      + "-U \(zeros) --block-list-file F -C 65536 -E legacy-compress OUT SRC",
    "-b 4096 --mount-point /system --product-out D --fs-config-file F -T 1700000000 --chunksize 4096 OUT SRC",
    "-zlz4hc,9 -T 1230768000 --quiet --mount-point /p --fs-config-file F --file-contexts F OUT SRC",
    "--quiet -U \(zeros) -zlzma,109 -E ztailpacking -- OUT SRC",
    "-zlzma,109 -C1048576 -Efragments,dedupe,ztailpacking -Uclear --all-root -T1700000000 --ignore-mtime -x-1 OUT SRC",
    "-zlz4hc,12 -C65536 -Efragments,dedupe,ztailpacking -Uclear --all-root -T1700000000 --ignore-mtime OUT SRC",
    "-zlz4hc -Eztailpacking -Efragments -T 0 --all-root -L nix-store --mount-point=/nix/store OUT SRC",
    "--quiet -Enoinline_data -b4096 OUT SRC", "-zlz4 OUT .", "-zlz4hc -Enoinline_data OUT SRC",
    "-d0 --quiet --all-root -zlz4hc,6 -Eall-fragments,fragdedupe=inode -C1048576 OUT SRC",
    "--all-root -zlz4hc,12 OUT SRC", "--all-root -d2 -E noinline_data -b 4096 OUT SRC", "-E noinline_data OUT SRC",
    "-Ededupe --chunksize=4096 -T0 -b4096 -x-1 -U \(zeros) --quiet OUT SRC",
    "--quiet -zlz4hc,level=12 -C65536 --max-extent-bytes=1048576 "
      + "-Efragments=65536,ztailpacking,dedupe,force-inode-compact --workers=10 -T0 -Uclear OUT SRC",
  ]

  @Test(arguments: inUse) func isTaken(_ line: String) throws {
    let request = try mkfsRequest(line)
    #expect(request.output.description == "OUT")
    guard case .path(let source) = request.source else {
      Issue.record("another source")
      return
    }
    #expect(["SRC", "."].contains(source.description))
    #expect(request.isQuiet == line.contains("--quiet"))
    #expect(request.compressions.isEmpty == !line.contains("-z"))
    #expect((request.edits.owners == .allRoot) == line.contains("--all-root"))
  }

  /// Their sources are of other kinds.
  @Test(arguments: [
    "--oci=f OUT image", "--s3=endpoint OUT bucket",
  ]) func sourcesOfOtherKindsAreRefused(_ line: String) throws {
    let reason = try #require(mkfsRefusal(line))
    #expect(reason.contains("not supported yet by this version"))
  }

  /// From standard input, a pipe or a file.
  static let archives = [
    "--quiet --force-uid=0 --force-gid=0 -L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -T 0 --hard-dereference "
      + "--tar=f OUT",
    "--tar=f --aufs --quiet -Enoinline_data -b4096 -T0 --mkfs-time --sort=none -U \(zeros) OUT",
    "--tar=f -zlz4 -C 65536 OUT", "--sort=none --tar OUT", "--tar=f --gzip --sort=path OUT -", "--tar --ungzip OUT SRC",
  ]

  @Test(arguments: archives) func archivesAreTaken(_ line: String) throws {
    let request = try mkfsRequest(line)
    guard case .tar(let source) = request.source else {
      Issue.record("another source")
      return
    }
    #expect(source?.description == (line.hasSuffix("SRC") ? "SRC" : nil))
    #expect(request.convertsWhiteouts == line.contains("--aufs") && request.plainTar == nil)
  }

  /// Contents that are not stored are not compressed either.
  @Test(arguments: [
    ("--tar=i --aufs --quiet OUT", 512), ("--tar=0 -b4096 OUT", 512), ("--tar=i,MAP OUT", 4096),
    ("--tar=f,MAP OUT", 4096),
    ("--tar=headerball OUT", 4096), ("--tar=headerball,MAP -b1024 OUT", 1024), ("-zlz4 -C65536 --tar=i, OUT", 512),
    ("-zlz4 -Efragments --tar=i,MAP OUT", 4096),
  ]) func archivesMayStayWhereTheyAre(_ line: String, blockSize: Int) throws {
    let request = try mkfsRequest(line)
    #expect(request.options.blockSize == blockSize && request.compressions.isEmpty)
    #expect(request.map?.description == (line.contains("MAP") ? "MAP" : nil))
    #expect(request.options.reserved?.map?.string == request.map?.description)
    let contents: MkfsRequest.TarContents = line.contains("=f") ? .stored : line.contains("=h") ? .absent : .referred
    #expect(request.tarContents == contents)
    #expect(request.warnings.isEmpty == !line.contains("-z"))
  }

  @Test func optionsOfArchivesAreChecked() throws {
    #expect(try mkfsRequest("--tar --unxz=PLAIN OUT SRC").plainTar?.description == "PLAIN")
    #expect(try mkfsRequest("--ovlfs-strip OUT SRC").edits.stripsOverlayMetadata)
    #expect(try !mkfsRequest("--ovlfs-strip=0 OUT SRC").edits.stripsOverlayMetadata)
    for wrong in [
      "--tar=x OUT", "--sort=size --tar OUT", "--ovlfs-strip=2 OUT SRC", "--tar --cpio OUT SRC",
      "--tar --list=L OUT SRC",
      "--ungzip=PLAIN OUT SRC", "--tar=i --for=archive OUT", "--tar=j,MAP OUT",
    ] { #expect(mkfsRefusal(wrong) != nil, "\(wrong)") }
  }

  @Test func imagesAreLayers() throws {
    let request = try mkfsRequest("--aufs --ovlfs-strip=1 --quiet OUT lower upper")
    guard case .images(let paths) = request.source else { return #expect(Bool(false)) }
    #expect(paths.map(\.description) == ["lower", "upper"] && request.contents == nil && request.warnings.isEmpty)
    #expect(request.edits.stripsOverlayMetadata)
    #expect(try mkfsRequest("--clean OUT SRC").contents == .stored)
    #expect(try mkfsRequest("--clean=data OUT A B").contents == .stored)
    #expect(try mkfsRequest("--clean=rvsp OUT A B").contents == .reserved)
    for wrong in ["--clean=2 OUT SRC", "--tar OUT A B", "--cpio OUT A B", "--list=L OUT A B"] {
      #expect(mkfsRefusal(wrong) != nil, "\(wrong)")
    }
  }

  @Test func valuesArriveWhereTheyBelong() throws {
    let options = try mkfsRequest(Self.inUse.last!).buildOptions()
    #expect(options.encodings.map(\.algorithm) == [.lz4hc] && options.encodings[0].level == 12)
    #expect(options.clusterSize == 65536 && options.packedClusterSize == 65536 && options.extentLimit == 1_048_576)
    #expect(options.fragments == .tails && options.packsTails && options.dedupes && options.inodes == .compact)
    #expect(options.threads == 10 && options.buildTime == Time(seconds: 0))
    #expect(options.uuid == .bytes(Array(repeating: 0, count: 16)))

    let small = try mkfsRequest("-Ededupe --chunksize=4096 -T0 -b4096 -x-1 -U \(zeros) --quiet OUT SRC")
    #expect(small.options.chunkSize == 4096 && small.options.dedupes && small.options.encodings.isEmpty)
    #expect(small.options.sharedAttributeThreshold == nil && small.edits.attributes == .dropAll)
    #expect(small.edits.times == .setAll(Time(seconds: 0)))

    let router = try mkfsRequest(
      "-zlzma,109 -C1048576 -Efragments,dedupe,ztailpacking -Uclear --all-root -T7 --ignore-mtime -x-1 OUT SRC")
    #expect(!router.options.keepsTimes && router.options.buildTime == Time(seconds: 7))
    #expect(try router.buildOptions().encodings[0].level == 109)
    #expect(try router.buildOptions().encodings[0].dictionarySize == 4 << 20)
  }

  /// What another `-z` changes after the operands, as a service does that appends its own options.
  @Test func theLastAlgorithmCounts() throws {
    let request = try mkfsRequest("-zzstd,level=3 OUT SRC --all-root -zlz4hc")
    #expect(request.compressions == [.init(algorithm: .lz4hc)])
  }

  @Test func optionsOfCompressionDoNothingWithoutOne() throws {
    let request = try mkfsRequest("-Efragments -C131072 OUT SRC")
    #expect(request.options.clusterSize == nil && request.options.fragments == .none)
    #expect(request.warnings == ["-C has no effect without -z", "-E fragments has no effect without -z"])
  }

  @Test func dedupeWithoutCompressionMakesChunks() throws {
    #expect(try mkfsRequest("-Ededupe -b 1024 OUT SRC").options.chunkSize == 1024)
    #expect(try mkfsRequest("-Ededupe --chunksize 0x10000 OUT SRC").options.chunkSize == 65536)
    #expect(try mkfsRequest("-Ededupe -zlz4 OUT SRC").options.chunkSize == nil)
  }
}

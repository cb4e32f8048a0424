// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders
import Testing

@testable import EROFSCommand

/// What a command line asks for, its words separated by blanks.
func mkfsRequest(_ line: String, sourceDate: String? = nil) throws -> MkfsRequest {
  try mkfsRequest(line.split(separator: " ").map(String.init), sourceDate: sourceDate)
}

func mkfsRequest(_ arguments: [String], sourceDate: String? = nil) throws -> MkfsRequest {
  guard case .request(let request) = try MkfsParser.parse(arguments, sourceDate: sourceDate) else {
    throw MkfsError.usage("not a request")
  }
  return request
}

/// Why a command line is refused.
func mkfsRefusal(_ line: String, sourceDate: String? = nil) -> String? {
  do { _ = try mkfsRequest(line, sourceDate: sourceDate) } catch { return "\(error)" }
  return nil
}

/// The grammar of options and values.
@Suite struct MkfsParserTests {
  @Test(arguments: [
    "-zlz4 -C65536 OUT SRC", "-z lz4 -C 65536 OUT SRC", "-zlz4 -C64k OUT SRC", "-zlz4 -C 64K OUT SRC",
    "OUT -zlz4 SRC -C0x10000",
    "OUT SRC -C 0200000 -z lz4", "-C1m -zlz4 -C64K -- OUT SRC",
  ]) func aSizeHasSeveralForms(_ line: String) throws {
    #expect(try mkfsRequest(line).options.clusterSize == 65536)
  }

  @Test func operandsMayLookLikeOptionsAfterTheDashes() throws {
    let request = try mkfsRequest(["-zlz4", "--", "-out", "--all-root"])
    #expect(request.output.description == "-out" && request.edits.owners == OwnerRule())
  }

  /// mkfs.erofs takes no units there.
  @Test(arguments: ["--chunksize", "--dsunit", "--offset", "--fsalignblks"]) func someNumbersHaveNoUnits(
    _ option: String
  ) throws {
    #expect(mkfsRefusal("\(option)=4096 OUT SRC") == nil)
    #expect(mkfsRefusal("\(option) 0x1000 OUT SRC") == nil)
    for value in ["4k", "4K", "-1", "+1", "", "1x", "18446744073709551616"] {
      let reason = try #require(mkfsRefusal("\(option)=\(value) OUT SRC"), "\(value)")
      #expect(reason.hasPrefix("\(option): ") || reason.hasPrefix("chunk"), "\(reason)")
    }
  }

  @Test func incrementalBuilds() throws {
    #expect(try mkfsRequest("--incremental OUT SRC").addsToImage)
    #expect(try mkfsRequest("--incremental=data --tar=f OUT SRC").addsToImage)
    // The image would be lost, or added to, against what one of them says.
    for options in ["--incremental --clean", "--clean=rvsp --incremental", "--incremental=0 --clean=0"] {
      #expect(
        mkfsRefusal("\(options) OUT SRC")
          == "--clean and --incremental cannot be used together: the first makes a new image, the second adds to one")
    }
    let request = try mkfsRequest("--incremental=0 --incremental OUT SRC")
    #expect(request.addsToImage && request.contents == nil)
    for (value, rest) in [("rvsp", OmittedContents.room), ("0", .zeros)] {
      for option in ["--incremental", "--clean"] {
        let omission = try #require(mkfsRequest("-zlz4 -C65536 \(option)=\(value) OUT SRC").omission)
        #expect(omission.rest == rest && omission.option == "\(option)=\(value)")
        let reason = try #require(mkfsRefusal("\(option)=\(value) --tar=i OUT SRC"))
        #expect(reason.contains("--tar=i") && reason.contains(option))
      }
    }
    #expect(try mkfsRequest("--incremental=data OUT SRC").omission == nil)
    #expect(mkfsRefusal("--incremental=all OUT SRC")?.contains("--incremental: \"all\"") == true)
    #expect(mkfsRefusal("--incremental --for=archive OUT SRC")?.contains("cannot be used together") == true)
  }

  @Test(arguments: [
    ("-b1000", "block size 1000"), ("-b 128K", "block size 131072"), ("-zlz4 -C5000", "cluster size 5000"),
    ("-zlz4 --second-within=5", "--second-within needs a second algorithm in -z"),
    ("-zlz4:lz4hc --second-within=5", "--second-within: the second algorithm of -z must be of another format"),
    (
      "-zlz4:zstd --second-within=1001",
      "--second-within: \"1001\" is not possible as PERCENT, a whole number from 0 to 1000"
    ),
    ("-zlz4 -C2m", "cluster size 2097152"), ("-zlz4 --max-extent-bytes=1k", "extent limit 1024"),
    ("--chunksize 5000", "chunk size 5000"), ("--chunksize 4096 -zlz4", "--chunksize and -z cannot be used together"),
    ("--offset 100", "offset 100"), ("-L seventeen-letters", "it has 17"), ("-x=2", "-x: \"=2\""),
    ("-x many", "-x: \"many\""), ("-T noon", "-T: \"noon\""), ("-U 1234", "-U: \"1234\""), ("-d10", "-d: \"10\""),
    ("--force-uid -1", "--force-uid: \"-1\""), ("--force-gid=4294967296", "--force-gid: \"4294967296\""),
    ("--uid-offset 1k", "--uid-offset: \"1k\""), ("--zfeature-bits 256", "--zfeature-bits: \"256\""),
    ("--memory 1x", "--memory: \"1x\""), ("--workers many", "--workers: \"many\""), ("-Ewings", "\"wings\""),
    ("-Eztailpacking=3", "\"ztailpacking=3\""), ("-Efragments=x -zlz4", "-E fragments: \"x\""),
    ("-E fragdedupe=no", "\"fragdedupe=no\""),
    ("-Ededupe,,fragments", "unknown feature \"\""), ("-zlz5", "\"lz5\" is none of the algorithms"),
    ("-zlz4,3", "lz4 has no levels"), ("-zlz4hc,13", "level 13"), ("-zzstd,level=x", "possible as level"),
    ("-zzstd,3,dictsize=4k", "\"3\" is no parameter"), ("-zzstd,speed=3", "\"speed=3\" is no parameter"),
    ("-zzstd,dictsize=5000", "dictionary size 5000"), ("-zlzma,lc=5", "lc=5"), ("-zzstd,lc=3", "parameters of lzma"),
    ("-z lz4:", "\"\" is none"), ("--exclude-regex (", "regular expression"),
    ("--mkfs-tim=3", "doesn't allow an argument"),
    ("--force", "ambiguous"), ("--frobnicate", "unrecognized option"), ("-Q", "invalid option"),
    ("--clamp-time", "needs -T"),
    ("-T3 --clamp-time --mkfs-time", "--clamp-time and --mkfs-time cannot be used together"),
    ("-T3 --all-time --clamp-time", "--clamp-time and --all-time cannot be used together"),
    ("--order F --hot-file-list G", "--order and --hot-file-list cannot be used together"),
    ("--product-out D", "needs --fs-config-file"), ("--list F --cpio", "cannot be used together"),
    ("--xattr-prefix=none", "attribute prefix none"),
  ]) func whatCannotBeIsRefused(_ line: String, _ reason: String) throws {
    let text = try #require(mkfsRefusal("\(line) OUT SRC"))
    #expect(text.contains(reason), "\(text)")
  }

  @Test func operandsAreNeeded() {
    #expect(mkfsRefusal("-zlz4") == "missing arguments: IMAGE and SOURCE")
    #expect(mkfsRefusal("OUT") == "missing argument: SOURCE")
    #expect(mkfsRefusal("--list F OUT") == nil)
    #expect(mkfsRefusal("--list F") == "missing argument: IMAGE")
    #expect(mkfsRefusal("OUT SRC -x") == "option requires an argument -- 'x'")
  }

  @Test func algorithmsHaveParameters() throws {
    let request = try mkfsRequest("-C 65536 -z lzma,level=9,dictsize=64k,lc=0,lp=2,pb=1:zstd,22:lz4 OUT SRC")
    let encodings = try request.buildOptions().encodings
    #expect(encodings.map(\.algorithm) == [.lzma, .zstd, .lz4] && encodings.map(\.level) == [9, 22, 0])
    #expect(encodings[0].dictionarySize == 65536 && encodings[1].dictionarySize == 8 * 65536)
    #expect(encodings[0].context == (try Encoding.LZMAContext(lc: 0, lp: 2, pb: 1)))
  }

  /// The dictionary follows the largest cluster, wherever it is stated.
  @Test func dictionariesSuitTheirClusters() throws {
    func dictionary(_ line: String, hints: String? = nil) throws -> Int {
      let hints = try hints.map { try CompressHints(Array($0.utf8), name: "hints") }
      return try mkfsRequest(line).buildOptions(hints: hints).encodings[0].dictionarySize
    }
    #expect(try dictionary("-zzstd OUT SRC") == 32768)
    #expect(try dictionary("-zzstd OUT SRC -C 65536") == 524_288)
    #expect(try dictionary("-zzstd OUT SRC -C 8192 -Efragments=65536") == 524_288)
    #expect(try dictionary("-zzstd OUT SRC -C 8192", hints: "65536 big") == 524_288)
  }

  @Test func featuresAreSwitched() throws {
    func options(_ line: String) throws -> BuildOptions { try mkfsRequest("-zlz4 \(line) OUT SRC").options }
    #expect(try options("").inlinesData && options("").hasAttributeFilter && options("").hasChecksum)
    for name in ["noinline_data", "noinline-data", "^inline_data", "^inline-data"] {
      #expect(try !options("-E\(name)").inlinesData, "\(name)")
    }
    #expect(try options("-E^noinline_data").inlinesData && !options("-E noinline_data -Eztailpacking").inlinesData)
    #expect(try !options("-E^xattr-name-filter").hasAttributeFilter && !options("-Enosbcrc").hasChecksum)
    #expect(try options("-Efragments,all-fragments").fragments == .all)
    #expect(try options("-Eall-fragments,^all-fragments").fragments == .none)
    #expect(try options("-Eall-fragments=128k").packedClusterSize == 131_072)
    #expect(try options("-Efragments=128k,^fragments").packedClusterSize == nil)
    #expect(try options("-E48bit").wideAddresses && options("-E48bit").index == .encoded)
    #expect(try options("-E48bit,legacy-compress").index == .full && options("").index == .compact)
    #expect(try options("-Edot-omitted").omitsDots && options("-Edot-omitted").wideAddresses)
    #expect(try options("-E force-inode-compact,force-inode-extended").inodes == .extended)
    #expect(try options("-E fragdedupe=full,^fragdedupe,fragdedupe").fragments == .none)
    let chunks = try mkfsRequest("--chunksize 4096 -E force-chunk-indexes OUT SRC")
    #expect(chunks.options.hasChunkIndexes && chunks.warnings.isEmpty)
    #expect(
      try !mkfsRequest("--chunksize 4096 -E force-chunk-indexes,force-inode-blockmap OUT SRC").options.hasChunkIndexes)
    #expect(try mkfsRequest("-E force-chunk-indexes OUT SRC").warnings.count == 1)
    let wide = try mkfsRequest("-E 48bit OUT SRC").options
    #expect(wide.wideAddresses && wide.index == .compact)
  }

  @Test func featuresHaveNumbers() throws {
    func options(_ bits: Int) throws -> BuildOptions {
      try mkfsRequest("-zlz4 --zfeature-bits \(bits) OUT SRC").options
    }
    #expect(try options(1).index == .full && options(2).packsTails && options(4).fragments == .tails)
    #expect(try options(8).fragments == .all && options(16).dedupes && options(64).wideAddresses)
    #expect(try options(128).omitsDots && !options(0).dedupes && !options(32).dedupes)
  }

  @Test func timesFollowTheRulesOfTheEnvironment() throws {
    func request(_ line: String, _ date: String? = nil) throws -> MkfsRequest {
      try mkfsRequest("\(line) OUT SRC", sourceDate: date)
    }
    let (five, seven) = (Time(seconds: 5), Time(seconds: 7))
    #expect(try request("").edits.times == .keep && request("").options.buildTime == nil)
    #expect(try request("-T7").edits.times == .setAll(seven) && request("-T7").options.buildTime == seven)
    #expect(try request("-T7 --all-time").edits.times == .setAll(seven))
    #expect(
      try request("-T7 --mkfs-time").edits.times == .keep && request("-T7 --mkfs-time").options.buildTime == seven)
    #expect(try request("-T7 --mkfs-time --all-time").edits.times == .setAll(seven))
    #expect(try request("-T7 --clamp-time").edits.times == .clamp(to: seven))
    #expect(try request("-T7", "5").edits.times == .clamp(to: five) && request("-T7", "5").options.buildTime == five)
    #expect(try request("-T7 --mkfs-time", "5").edits.times == .clamp(to: five))
    #expect(try request("-T7", "").edits.times == .setAll(seven))
    #expect(try request("-T -1.5").options.buildTime == Time(seconds: -2, nanoseconds: 500_000_000))
    #expect(mkfsRefusal("OUT SRC", sourceDate: "today")?.contains("SOURCE_DATE_EPOCH") == true)
    #expect(try request("--ignore-mtime --preserve-mtime").options.keepsTimes)
  }

  @Test func ownersAreSetInOrder() throws {
    let owners = try mkfsRequest("--all-root --force-gid=7 --uid-offset=-3 --gid-offset 0x10 OUT SRC").edits.owners
    #expect(owners.user == 0 && owners.group == 7 && owners.userOffset == -3 && owners.groupOffset == 16)
  }

  @Test func ourOwnOptions() throws {
    let request = try mkfsRequest("--list F --memory 1G --no-verify --strict --json -d1 --no-progress OUT base")
    guard case .list(let list, let base?) = request.source else {
      Issue.record("no list")
      return
    }
    #expect(list.description == "F" && base.description == "base")
    #expect(request.options.memory == 1 << 30 && !request.options.verifies)
    #expect(request.isStrict && request.isJSON && request.showsProgress == false && !request.reports)
    #expect(try mkfsRequest("--workers=0 OUT SRC").options.threads == 1)
  }

  @Test func uuidsAreBytesInTheirOrder() throws {
    #expect(
      try mkfsRequest("-U 00112233-4455-6677-8899-aabbccDDEEFF OUT SRC").options.uuid
        == .bytes((0..<16).map { UInt8($0 * 0x11) }))
    #expect(try mkfsRequest("-Urandom OUT SRC").options.uuid == .random)
    #expect(try mkfsRequest("OUT SRC").options.uuid == .ofContents)
    #expect(mkfsRefusal("-U 001122334455-6677-8899-aabb-ccddeeff OUT SRC") != nil)
  }

  @Test func whatIsMissingIsSaid() throws {
    for (name, argument) in MkfsUnsupported.allCases.flatMap(\.options) {
      let option = name.utf8CodeUnitCount == 1 ? "-\(name)" : "--\(name)"
      let value = argument == .required ? " x" : ""
      let reason = try #require(mkfsRefusal("\(option)\(value) OUT SRC"))
      #expect(reason.hasPrefix("\(option): ") && reason.contains("not supported yet"), "\(reason)")
    }
    for option in ["--zD=0", "--clean", "--clean=data", "--clean=0"] {
      #expect(mkfsRefusal("\(option) OUT SRC") == nil)
    }
    #expect(mkfsRefusal("-zlz4 --max-extent-bytes=-1 OUT SRC")?.contains("not supported yet") == true)
  }

  @Test func clustersThatLinuxRefusesAreAWarning() throws {
    let words = [
      "Linux (6.18, 7.2) does not mount images with LZ4 that have clusters of more than 256 blocks, here 131072 bytes"
    ]
    for line in [
      "-b512 -zlz4 -C262144", "-b512 -zzstd:lz4hc -C1m", "-b512 -zlz4 -Efragments=262144", "-b512 -zzstd -m262144:lz4",
    ] { #expect(try mkfsRequest("\(line) OUT SRC").warnings == words, "\(line)") }
    for line in ["-b512 -zlz4 -C131072", "-b512 -zzstd -C1m", "-zlz4 -C1m", "-b512 -zlz4", "-b512 -m262144:lz4"] {
      #expect(try !mkfsRequest("\(line) OUT SRC").warnings.contains { $0.hasPrefix("Linux") }, "\(line)")
    }
  }

  @Test func zonesOfMetadataAreAccepted() throws {
    for zone in ["--MZ", "--MZ=0", "--MZ=i", "--MZ=d", "--MZ=id", "--MZ=di"] {
      #expect(mkfsRefusal("\(zone) OUT SRC") == nil)
    }
    for zone in ["--MZ=", "--MZ=1", "--MZ=ix"] { #expect(mkfsRefusal("\(zone) OUT SRC") != nil) }
  }

  @Test func descriptorsOfDisksHaveAPath() throws {
    #expect(try mkfsRequest("--vmdk-desc=disk.vmdk OUT SRC").options.diskDescriptor == "disk.vmdk")
    #expect(try mkfsRequest("OUT SRC").options.diskDescriptor == nil)
  }

  /// No option is in two places, and each has a form.
  @Test func namesAreUnambiguous() {
    let forms = MkfsOption.allCases.map(\.form)
    let names =
      forms.compactMap { form in form.long.map { "\($0)" } } + forms.compactMap { $0.short.map(String.init) }
      + MkfsUnsupported.allCases.flatMap(\.options).map { "\($0.name)" }
    #expect(Set(names).count == names.count && names.count > 70)
    for option in MkfsOption.allCases where ![.help, .version].contains(option) {
      // A refused value is fine; an option that nothing takes would end the process.
      _ = mkfsRefusal("\(option.name)\(option.form.argument == .required ? " 1" : "") OUT SRC")
    }
  }
}

/// Compressed metadata, digests, and room for attributes.
@Suite struct MkfsMetadataOptionTests {
  @Test func inodesAndDirectoriesAreCompressed() throws {
    let own = try mkfsRequest("-zlz4hc -m16384:zstd,level=7 --zD OUT SRC").buildOptions()
    let zstd = try Encoding(.zstd, level: 7, clusterSize: 16_384)
    #expect(own.metabox == BuildOptions.Metabox(clusterSize: 16_384, encoding: zstd))
    #expect(own.compressesDirectories && own.wideAddresses && own.index == .compact)
    let same = try mkfsRequest("-zlz4hc -m 4K -E48bit OUT SRC").buildOptions()
    #expect(same.metabox == BuildOptions.Metabox(clusterSize: 4096) && same.index == .encoded)
    #expect(try mkfsRequest("-zlz4 --zD=0 OUT SRC").options.compressesDirectories == false)
    // As mkfs.erofs, which takes them without compression, and says nothing.
    let idle = try mkfsRequest("-m4096 --zD OUT SRC")
    #expect(idle.options.metabox == nil && !idle.options.compressesDirectories && idle.warnings.count == 2)
    for line in ["-zlz4 -m OUT SRC", "-zlz4 -m4000 OUT SRC", "-zlz4 -m4096:lz5 OUT SRC", "-zlz4 --zD=2 OUT SRC"] {
      #expect(mkfsRefusal(line) != nil)
    }
  }

  @Test(arguments: ["--file-contexts=F", "--xattr-prefix=user.a"])
  func whatNeedsAttributesWarns(_ option: String) throws {
    #expect(try mkfsRequest("\(option) OUT SRC").warnings.isEmpty)
    let warning = try #require(mkfsRequest("-x -1 \(option) OUT SRC").warnings.first)
    #expect(warning.hasPrefix("\(option.prefix { $0 != "=" }) has no effect"), "\(warning)")
  }

  @Test func digestsAndRoomHaveTheirOptions() throws {
    #expect(
      try mkfsRequest("--xattr-inode-digest OUT SRC").options.digestAttribute == BuildOptions.usualDigestAttribute)
    #expect(
      try mkfsRequest("--xattr-inode-digest=user.sum OUT SRC").options.digestAttribute == Array("user.sum".utf8))
    #expect(try mkfsRequest("--root-xattr-isize=300 OUT SRC").options.rootAttributeBytes == 300)
    #expect(try mkfsRequest("-Eplain-xattr-prefixes --xattr-prefix=user.a OUT SRC").options.hasPlainPrefixes)
    #expect(mkfsRefusal("--xattr-inode-digest=user. OUT SRC") != nil)
    #expect(mkfsRefusal("--root-xattr-isize=300000 OUT SRC")?.contains("262148") == true)
  }
}

/// What else is written, and in which order.
@Suite struct MkfsPlacementOptionTests {
  @Test func listsHaveTheirOptions() throws {
    #expect(try mkfsRequest("--order F OUT SRC").order?.description == "F")
    #expect(try mkfsRequest("--hot-file-list=F OUT SRC").order?.description == "F")
    let list = try mkfsRequest("--block-list-file F --mount-point /system OUT SRC").options.blockList
    #expect(list == BuildOptions.BlockList("F", root: Array("/system".utf8)))
    #expect(try mkfsRequest("OUT SRC").options.blockList == nil)
    #expect(try mkfsRequest("--chunksize 4096 --blobdev=B OUT SRC").options.blobDevice == "B")
    #expect(mkfsRefusal("--blobdev=B OUT SRC") == "--blobdev needs --chunksize")
    #expect(
      mkfsRefusal("--chunksize 4096 -E force-inode-blockmap --blobdev=B OUT SRC")?.contains("name no device") == true)
    #expect(mkfsRefusal("--chunksize 4096 --blobdev=B --block-list-file=L OUT SRC")?.contains("together") == true)
  }
}

/// Images that are searched.
@Suite struct MkfsSearchOptionTests {
  @Test func goalsComeFromTheirOptions() throws {
    let firmware = try #require(try mkfsRequest("--ram=64K OUT SRC").goal)
    #expect(firmware.purpose == .bareMetal && firmware.memory == 65536 && firmware.imageBytes == nil)
    let linux = try #require(try mkfsRequest("--ram 3584K --search-time=5 -zlz4hc:lzma OUT SRC").goal)
    #expect(linux.purpose == .noMMU && linux.seconds == 5 && linux.algorithms == [.lz4hc, .lzma])
    let flash = try #require(try mkfsRequest("--fit 2M -b 512 OUT SRC").goal)
    #expect(flash.purpose == .bareMetal && flash.imageBytes == 2 << 20 && flash.blockSize == 512)
    #expect(try mkfsRequest("--for=archive OUT SRC").goal?.purpose == .archive)
    #expect(try mkfsRequest("OUT SRC").goal == nil)
    let old = try mkfsRequest("--for=archive -Elegacy-compress OUT SRC")
    #expect(old.options.index == .full && old.warnings.isEmpty)
    // What no trial decides on stays as it is said.
    let kept = try mkfsRequest("--ram=3584K -m4096:zstd,3 --zD -E48bit OUT SRC")
    #expect(kept.goal != nil && kept.warnings.isEmpty && kept.options.index == .encoded)
    let options = try kept.buildOptions()
    #expect(options.metabox?.clusterSize == 4096 && options.metabox?.encoding?.algorithm == .zstd)
    #expect(options.compressesDirectories && options.wideAddresses)
  }

  @Test(arguments: [
    ("--for=toaster OUT SRC", "nommu, bare-metal, container, archive"), ("--for=nommu OUT SRC", "--ram or --fit"),
    ("--for=archive -C65536 OUT SRC", "-C and --for"), ("--ram=64K -Ededupe OUT SRC", "-E dedupe and --ram"),
    ("--fit=1M -zlzma,9 OUT SRC", "parameters"), ("--search-time=9 OUT SRC", "--search-time needs"),
    ("--ram=0 OUT SRC", "--ram"), ("--for=archive -zlz4 -m4096 OUT SRC", "-m and --for"),
    ("--for=archive --zD OUT SRC", "--zD and --for"),
    ("--for=archive --chunksize=4096 OUT SRC", "--chunksize and --for"),
    ("--for=archive --max-extent-bytes=4096 OUT SRC", "--max-extent-bytes and --for"),
  ])
  func contradictionsAreRefused(line: String, words: String) {
    #expect(mkfsRefusal(line)?.contains(words) == true, "\(mkfsRefusal(line) ?? "accepted")")
  }
}

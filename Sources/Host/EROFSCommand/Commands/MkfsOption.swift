// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The options of `erofs mkfs` and `mkfs.erofs`: how they are written, and what they do. The parser, the help text and the
/// manual page are all made from this.
enum MkfsOption: Sendable, CaseIterable {
  case algorithms, secondWithin, clusterSize, extentLimit, hints, features, featureBits
  case purpose, machineMemory, imageLimit, searchTime
  case blockSize, chunkSize, blobDevice, dataUnit, sizeUnit, offset, metabox, compressedDirectories, metadataZone
  case order, hotFiles
  case clean, incremental
  case list, cpio, tar, whiteouts, overlayStrip, tarOrder, ungzip, gzip, unxz, unlzma, gzipIndex
  case excludedPath, excludedPattern, excludedPaths, excludedPatterns, hardDereference
  case volumeName, uuid, time, mkfsTime, allTime, clampTime, preserveTime, ignoreTime
  case allRoot, user, group, userOffset, groupOffset
  case fileContexts, ownerTable, mountPoint, productOut, blockList, diskDescriptor
  case attributeThreshold, attributePrefix, rootAttributes, digests
  case workers, memory, noVerify, strict, queueLimit
  case quiet, verbosity, json, progress, noProgress, version, help

  enum Group: String, CaseIterable {
    case source = "Source", compression = "Compression", search = "Search", layout = "Layout"
    case identity = "Names and times", metadata = "Owners and attributes", work = "Work", output = "Output"
  }

  struct Form: Sendable {
    let group: Group
    let short: Character?
    /// Without dashes. Static, because there are programs that look for names of options, with a zero byte at each end, in
    /// this program's file; short strings of other types are not in it as such.
    let long: StaticString?
    let argument: LongOptions.Argument
    /// What the help calls the value.
    let value: String
    let help: String

    init(_ group: Group, _ short: Character?, _ long: StaticString?, _ value: String = "", _ help: String) {
      (self.group, self.short, self.long, self.value, self.help) = (group, short, long, value, help)
      argument = value.isEmpty ? .none : .required
    }

    /// A long option whose value may be left out.
    init(_ group: Group, _ long: StaticString, optional value: String, _ help: String) {
      (self.group, self.short, self.long, self.value, self.help) = (group, nil, long, value, help)
      argument = .optional
    }

    init(_ group: Group, _ short: Character?, _ long: StaticString?, help: String) {
      self.init(group, short, long, "", help)
    }
  }

  var form: Form {
    guard let form = sourceForm ?? storageForm ?? metadataForm ?? runningForm else {
      preconditionFailure("an option without a form")
    }
    return form
  }

  /// By the names that ``LongOptions`` gives them.
  static let byName: [String: MkfsOption] = {
    var found: [String: MkfsOption] = [:]
    for option in allCases {
      if let short = option.form.short { found["-\(short)"] = option }
      if let long = option.form.long { found["\(long)"] = option }
    }
    return found
  }()

  /// With all that is not supported, so that it can be named.
  static let all: LongOptions = {
    var long: [String: LongOptions.Argument] = [:]
    var short: [Character: LongOptions.Argument] = [:]
    for form in allCases.map(\.form) {
      if let name = form.long { long["\(name)"] = form.argument }
      if let name = form.short { short[name] = form.argument }
    }
    for (name, argument) in MkfsUnsupported.allCases.flatMap(\.options) {
      if name.utf8CodeUnitCount == 1 { short[Character("\(name)")] = argument } else { long["\(name)"] = argument }
    }
    return LongOptions(long: long, short: short)
  }()
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders

/// Makes a request of a command line: the options are the same for both names of the program.
struct MkfsParser {
  enum Answer: Sendable {
    case help, version
    case request(MkfsRequest)
  }

  // What the options say; what follows from several of them is worked out at the end.
  private var request = MkfsRequest(output: RawArgument(argument: "")!, source: .path(RawArgument(argument: "")!))
  private var features = MkfsFeature.usual
  private var clusterSize: Int?
  private var packedClusterSize: Int?
  private var extentLimit: Int?
  private var list: RawArgument?
  private var isCpio = false
  private var isTar = false
  private var isClean = false
  private var times = MkfsTimes()
  private var owners = MkfsOwners()
  /// The one of those that name a list of files in order.
  private var orderOption: MkfsOption?
  private var hasProductOut = false
  private var search = MkfsSearch()
  private var metabox: (clusterSize: Int, compression: MkfsRequest.Compression?)?

  /// - Parameter sourceDate: the value of the environment variable SOURCE_DATE_EPOCH.
  static func parse(_ arguments: [String], sourceDate: String?) throws(MkfsError) -> Answer {
    let parsed: LongOptions.Parsed
    do throws(LongOptions.UsageError) { parsed = try MkfsOption.all.parse(arguments) } catch {
      throw .usage(error.description)
    }
    var parser = MkfsParser()
    for (name, value) in parsed.options {
      if let feature = MkfsUnsupported.byName[name] {
        throw .unsupported(feature, by: name.hasPrefix("-") ? name : "--\(name)")
      }
      switch MkfsOption.byName[name] {
      case .help?: return .help
      case .version?: return .version
      case .compressedDirectories?:
        // mkfs.erofs 1.9 has 0 and 1 the wrong way round; here they mean what its manual says.
        guard value == nil || value == "0" || value == "1" else { throw invalid(.compressedDirectories, value!) }
        parser.request.options.compressesDirectories = value != "0"
      case .metadataZone?:
        guard value.map({ $0 == "0" || !$0.isEmpty && $0.allSatisfy("id".contains) }) ?? true else {
          throw invalid(.metadataZone, value!)
        }
      case .digests?:
        parser.request.options.digestAttribute = value.map { path($0).bytes } ?? BuildOptions.usualDigestAttribute
      case .clean?:
        if parser.request.addsToImage { throw Self.cleanAndIncremental }
        parser.isClean = true
        try parser.take(.clean, contents: value ?? "data")
      case .incremental?:
        if parser.isClean { throw Self.cleanAndIncremental }
        parser.request.addsToImage = true
        // Without a value, images are no different from other sources.
        parser.request.contents = nil
        if let value { try parser.take(.incremental, contents: value) }
      case .tar?: try parser.take(tar: value ?? "f")
      case .overlayStrip?:
        guard value == nil || value == "0" || value == "1" else { throw invalid(.overlayStrip, value!) }
        parser.request.edits.stripsOverlayMetadata = value != "0"
      case .ungzip?, .gzip?, .unxz?, .unlzma?: parser.request.plainTar = value.map(path) ?? parser.request.plainTar
      case .gzipIndex?: parser.request.gzipIndex = value.map(path) ?? parser.request.gzipIndex
      case let option?: try parser.take(option, value ?? "")
      case nil: preconditionFailure("an option that nothing takes")
      }
    }
    try parser.take(operands: parsed.operands)
    try parser.finish(sourceDate: sourceDate)
    do { _ = try parser.request.buildOptions() } catch {
      throw .usage((error as? OptionError)?.commandText(parser.request.options) ?? "\(error)")
    }
    return .request(parser.request)
  }

  private mutating func take(_ option: MkfsOption, _ value: String) throws(MkfsError) {
    switch option {
    case .algorithms: request.compressions = try Self.compressions(value)
    case .secondWithin:
      guard let percent = CNumber.unsigned(value), percent <= 1000 else {
        throw .usage("\(Self.invalid(option, value)), a whole number from 0 to 1000")
      }
      request.options.secondEncoding = .init(within: Int(percent))
    case .clusterSize: clusterSize = try Self.size(option, value)
    case .extentLimit:
      if let number = CNumber.signed(value, units: true), number < 0 {
        throw .unsupported(.byteAddresses, by: "--max-extent-bytes \(number)")
      }
      extentLimit = try Self.size(option, value)
    case .hints: request.hints = Self.path(value)
    case .order, .hotFiles:
      if let other = orderOption, other != option {
        throw .usage("--order and --hot-file-list cannot be used together: both are the order of files")
      }
      (orderOption, request.order) = (option, Self.path(value))
    case .features: try take(features: value)
    case .featureBits:
      let bits = try Self.number(option, value, limit: UInt64(1) << UInt64(MkfsFeature.bits.count) - 1)
      for (bit, feature) in MkfsFeature.bits.enumerated() where bits >> UInt64(bit) & 1 != 0 { turn(feature, true) }
    case .purpose, .machineMemory, .imageLimit, .searchTime: try search.take(option, value)
    case .blockSize:
      request.options.blockSize = try Self.size(option, value)
      search.blockSize = request.options.blockSize
      request.hasBlockSize = true
    case .metabox: metabox = try Self.metabox(value)
    case .chunkSize: request.options.chunkSize = Int(try Self.number(option, value, limit: UInt64(Int.max)))
    case .blobDevice: request.blobDevice = Self.path(value)
    case .dataUnit: request.options.dataUnit = max(1, try Self.number(option, value))
    case .sizeUnit: request.options.sizeUnit = max(1, try Self.number(option, value))
    case .offset: request.options.offset = try Self.number(option, value)
    case .volumeName: request.options.volumeName = Self.path(value).bytes
    case .uuid: request.options.uuid = try Self.uuid(value)
    case .attributeThreshold:
      guard let number = CNumber.signed(value) else { throw Self.invalid(option, value) }
      request.options.sharedAttributeThreshold = number < 0 ? nil : Int(number)
    case .attributePrefix: request.options.attributePrefixes.append(Self.path(value).bytes)
    case .rootAttributes: request.options.rootAttributeBytes = Int(try Self.number(option, value, limit: 1 << 32))
    case .workers: request.options.threads = max(1, Int(try Self.number(option, value, limit: 65536)))
    case .memory:
      guard let size = ByteCount(argument: value), size.bytes <= UInt64(Int.max) else {
        throw Self.invalid(option, value)
      }
      request.options.memory = Int(size.bytes)
    case .noVerify: request.options.verifies = false
    case .queueLimit: _ = try Self.number(option, value)
    default: try takeForTree(option, value)
    }
  }

  /// What changes the tree, or what is printed.
  private mutating func takeForTree(_ option: MkfsOption, _ value: String) throws(MkfsError) {
    switch option {
    case .list: list = Self.path(value)
    case .cpio: isCpio = true
    case .whiteouts: request.convertsWhiteouts = true
    case .tarOrder: if value != "path", value != "none" { throw Self.invalid(option, value) }
    case .excludedPath: request.edits.exclusions.add(path: Self.path(value).bytes)
    case .excludedPattern:
      do throws(TreeError) { try request.edits.exclusions.add(pattern: Self.path(value).bytes) } catch {
        throw .usage("\(error)")
      }
    case .excludedPaths: request.excludedPaths.append(Self.path(value))
    case .excludedPatterns: request.excludedPatterns.append(Self.path(value))
    case .hardDereference: request.edits.separatesHardLinks = true
    case .time, .mkfsTime, .allTime, .clampTime: try times.take(option, value)
    case .preserveTime: request.options.keepsTimes = true
    case .ignoreTime: request.options.keepsTimes = false
    case .allRoot, .user, .group: try owners.take(option, value)
    case .userOffset: request.edits.owners.userOffset = try Self.signed(option, value)
    case .groupOffset: request.edits.owners.groupOffset = try Self.signed(option, value)
    case .fileContexts: request.fileContexts.append(Self.path(value))
    case .ownerTable: request.ownerTable = Self.path(value)
    case .mountPoint: request.mountPoint = Self.path(value).bytes
    case .productOut: hasProductOut = true
    case .blockList: request.blockList = Self.path(value)
    case .diskDescriptor: request.diskDescriptor = Self.path(value)
    case .strict: request.isStrict = true
    case .quiet: request.isQuiet = true
    case .verbosity: request.verbosity = try Self.number(option, value, limit: 9) < 2 ? .errors : .warnings
    case .json: request.isJSON = true
    case .progress: request.showsProgress = true
    case .noProgress: request.showsProgress = false
    default: preconditionFailure("an option that nothing takes")
    }
  }

  private mutating func take(features value: String) throws(MkfsError) {
    for word in value.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      var name = String(parts[0])
      var isOn = !name.hasPrefix("^")
      if !isOn { name.removeFirst() }
      if name.hasPrefix("no"), MkfsFeature(name: String(name.dropFirst(2))) == .inlineData {
        name.removeFirst(2)
        isOn.toggle()
      }
      guard let feature = MkfsFeature(name: name) else { throw .usage("-E: unknown feature \"\(parts[0])\"") }
      let parameter = parts.count > 1 ? String(parts[1]) : nil
      switch (feature, parameter) {
      case (_, nil): break
      case (.fragments, let text?) where isOn, (.allFragments, let text?) where isOn:
        packedClusterSize = try Self.size(.features, text, of: "-E \(feature.rawValue)")
      case (.fragmentDedupe, "inode"?) where isOn, (.fragmentDedupe, "full"?) where isOn: break
      default: throw .usage("-E: \"\(word)\" has a value that is not possible")
      }
      turn(feature, isOn)
    }
  }

  /// What becomes of contents, and after a comma the name of a file for a map of blocks.
  private mutating func take(tar value: String) throws(MkfsError) {
    let parts = value.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
    switch parts[0] {
    case "f": request.tarContents = .stored
    case "i", "0": request.tarContents = .referred
    case "headerball": request.tarContents = .absent
    default: throw Self.invalid(.tar, value)
    }
    request.map = parts.count > 1 && !parts[1].isEmpty ? Self.path(String(parts[1])) : nil
    isTar = true
  }

  private static let cleanAndIncremental = MkfsError.usage(
    "--clean and --incremental cannot be used together: the first makes a new image, the second adds to one")

  private mutating func take(_ option: MkfsOption, contents value: String) throws(MkfsError) {
    guard let contents = MkfsRequest.CleanContents(rawValue: value) else { throw Self.invalid(option, value) }
    request.contents = contents
  }

  private mutating func turn(_ feature: MkfsFeature, _ isOn: Bool) {
    if isOn { features.insert(feature) } else { features.remove(feature) }
    if isOn, let opposite = feature.opposite { features.remove(opposite) }
  }

  private mutating func take(operands: [String]) throws(MkfsError) {
    guard let output = operands.first else {
      throw .usage(list == nil ? "missing arguments: IMAGE and SOURCE" : "missing argument: IMAGE")
    }
    request.output = Self.path(output)
    if operands.count > 2 {
      if list != nil || isTar || isCpio { throw .usage("unexpected argument: \(operands[2])") }
      request.source = .images(operands.dropFirst().map(Self.path))
      return
    }
    let source = operands.count > 1 ? Self.path(operands[1]) : nil
    if let list {
      if isCpio { throw .usage("--list and --cpio cannot be used together") }
      if isTar { throw .usage("--list and --tar cannot be used together") }
      request.source = .list(list, base: source)
      return
    }
    if isTar {
      if isCpio { throw .usage("--tar and --cpio cannot be used together") }
      request.source = .tar(source.flatMap { $0.bytes == [0x2D] ? nil : $0 })
      return
    }
    guard let source else { throw .usage("missing argument: SOURCE") }
    request.source = isCpio ? .cpio(source) : .path(source)
  }

  // MARK: What follows from all of it

  private mutating func finish(sourceDate: String?) throws(MkfsError) {
    try times.finish(&request, sourceDate: sourceDate)
    owners.finish(&request)
    try finishSearch()
    if isTar { try finishTar() }
    finishFeatures()
    if request.plainTar != nil || request.gzipIndex != nil, !isTar {
      throw .usage("--ungzip, --unxz and --gzinfo with a file need --tar")
    }
    if hasProductOut, request.ownerTable == nil { throw .usage("--product-out needs --fs-config-file") }
    request.options.hasPlainPrefixes = features.contains(.plainPrefixes)
    if request.blobDevice != nil {
      if request.options.chunkSize == nil { throw .usage("--blobdev needs --chunksize") }
      if features.contains(.blockMap) {
        throw .usage("--blobdev and -E force-inode-blockmap cannot be used together: entries of 4 bytes name no device")
      }
    }
    if !request.mountPoint.isEmpty, request.ownerTable == nil, request.fileContexts.isEmpty, request.blockList == nil {
      request.warnings.append(
        "--mount-point has no effect without --fs-config-file, --file-contexts or --block-list-file")
    }
    request.options.blobDevice = request.blobDevice?.filePath
    request.options.blockList = request.blockList.map { BuildOptions.BlockList($0.filePath, root: request.mountPoint) }
    request.options.diskDescriptor = request.diskDescriptor?.filePath
    // After labels and capabilities, which are attributes too.
    if request.options.sharedAttributeThreshold == nil {
      request.edits.attributes = .dropAll
      let idle = [
        (!request.fileContexts.isEmpty, "--file-contexts"),
        (!request.options.attributePrefixes.isEmpty, "--xattr-prefix"),
      ]
      for (isGiven, option) in idle where isGiven {
        request.warnings.append("\(option) has no effect with a negative -x: no extended attributes are stored")
      }
    }
  }

  /// What is not stored is not compressed either.
  private mutating func finishTar() throws(MkfsError) {
    if let map = request.map { request.options.reserved = BuildOptions.ReservedContents(map: map.filePath) }
    let mode: String
    if request.tarContents == .referred, let omission = request.omission {
      throw .usage("--tar=i and \(omission.option) cannot be used together: both say where contents are")
    }
    switch request.tarContents {
    case .stored: return
    case .referred: mode = "--tar=i"
    case .absent: mode = "--tar=headerball"
    }
    if request.goal != nil {
      throw .usage("\(mode) and \(search.name) cannot be used together: contents are not compressed")
    }
    if !request.compressions.isEmpty {
      request.compressions = []
      request.warnings.append("-z has no effect with \(mode): contents are not compressed")
    }
    // Members of an archive begin at multiples of 512 bytes.
    if request.tarContents == .referred, request.map == nil { request.options.blockSize = 512 }
  }

  /// A search decides on everything that would contradict it.
  private mutating func finishSearch() throws(MkfsError) {
    guard let goal = try search.goal(compressions: request.compressions) else { return }
    // Other purposes keep to what is said of metadata.
    let searchesMetadata = goal.purpose == .archive
    let given: [(Bool, String)] = [
      (clusterSize != nil, "-C"), (extentLimit != nil, "--max-extent-bytes"),
      (request.hints != nil, "--compress-hints"), (request.addsToImage, "--incremental"),
      (request.options.secondEncoding != nil, "--second-within"),
      (request.options.chunkSize != nil, "--chunksize"), (searchesMetadata && metabox != nil, "-m"),
      (searchesMetadata && request.options.compressesDirectories, "--zD"),
    ]
    let features = features.filter { $0.isSearched }.map { (true, "-E \($0.rawValue)") }.sorted { $0.1 < $1.1 }
    for (isGiven, option) in given + features where isGiven {
      throw .usage("\(option) and \(search.name) cannot be used together: a search decides on that")
    }
    request.goal = goal
    request.compressions = []
  }

  private mutating func finishFeatures() {
    let isCompressed = !request.compressions.isEmpty || request.goal != nil
    if !isCompressed { dropWithoutCompression() }
    func has(_ feature: MkfsFeature) -> Bool { features.contains(feature) }
    request.options.clusterSize = clusterSize
    request.options.extentLimit = extentLimit.map { min($0, Encoder.longestExtent) }
    request.options.packsTails = has(.tailPacking)
    request.options.fragments = has(.allFragments) ? .all : has(.fragments) ? .tails : .none
    if request.options.fragments != .none { request.options.packedClusterSize = packedClusterSize }
    request.options.dedupes = has(.dedupe)
    if has(.dedupe), !isCompressed, request.options.chunkSize == nil {
      request.options.chunkSize = request.options.blockSize
    }
    request.options.omitsDots = has(.dotOmitted)
    request.options.wideAddresses = has(.wideAddresses) || has(.dotOmitted)
    // Encoded extents have no tail that is packed.
    let isEncoded = isCompressed && request.options.wideAddresses && !request.options.packsTails
    if let metabox {
      request.options.metabox = BuildOptions.Metabox(clusterSize: metabox.clusterSize)
      request.metaboxCompression = metabox.compression
      request.options.wideAddresses = true
    }
    request.options.index = has(.fullIndex) ? .full : isEncoded ? .encoded : .compact
    if has(.fullIndex), request.options.wideAddresses {
      let feature = has(.wideAddresses) ? MkfsFeature.wideAddresses : .dotOmitted
      let other = metabox != nil ? "-m" : "-E \(feature.rawValue)"
      request.warnings.append(
        "-E legacy-compress is of no use with \(other): it is for Linux before 5.3, which cannot read such an image")
    }
    request.options.inlinesData = has(.inlineData)
    request.options.inodes = has(.compactInodes) ? .compact : has(.extendedInodes) ? .extended : .automatic
    request.options.hasAttributeFilter = has(.attributeFilter)
    request.options.hasChecksum = !has(.noChecksum)
    request.options.hasChunkIndexes = has(.chunkIndexes)
    if has(.chunkIndexes), request.options.chunkSize == nil {
      request.options.hasChunkIndexes = false
      request.warnings.append("-E force-chunk-indexes has no effect without --chunksize")
    }
    if let text = request.warningOfLargeClusters() { request.warnings.append(text) }
  }

  /// mkfs.erofs takes all of these without -z, and so there are scripts that give them; they do nothing.
  private mutating func dropWithoutCompression() {
    var idle: [String] = []
    if clusterSize != nil { idle.append("-C") }
    if extentLimit != nil { idle.append("--max-extent-bytes") }
    if request.hints != nil { idle.append("--compress-hints") }
    if request.options.secondEncoding != nil { idle.append("--second-within") }
    if metabox != nil { idle.append("-m") }
    if request.options.compressesDirectories { idle.append("--zD") }
    for feature in MkfsFeature.allCases where features.contains(feature) && feature.needsCompression {
      idle.append("-E \(feature.rawValue)")
      features.remove(feature)
    }
    (clusterSize, extentLimit, request.hints, metabox) = (nil, nil, nil, nil)
    request.options.secondEncoding = nil
    request.options.compressesDirectories = false
    for option in idle { request.warnings.append("\(option) has no effect without -z") }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFS
import EROFSTools
import EROFSTree
import Encoders
import HostSupport
import SystemPackage

/// One image in the making: contents, packed inode, metadata, superblock, and the look back at all of it.
struct Build {
  private(set) var context: BuildContext
  private var progress: ProgressReporter
  private var summary = BuildSummary()
  private let beforeVerifying: () throws -> Void

  /// - Parameter beforeVerifying: what a test does to the image.
  init(
    _ options: BuildOptions, _ tree: Tree, _ output: OutputFile, _ progress: @escaping (BuildProgress) -> Bool,
    beforeVerifying: @escaping () throws -> Void = {}
  ) throws {
    self.beforeVerifying = beforeVerifying
    let order = InodeOrder(tree)
    context = BuildContext(
      options: options, tree: tree, order: order, storage: StorageOrder(options.order, tree, order), output: output)
    var outputs = [(file: output, what: "the image")]
    context.device = try options.blobDevice.map { try Self.output($0, "the blob device", beside: &outputs) }
    context.list = try (options.blockList?.path).map { try Self.output($0, "the list of blocks", beside: &outputs) }
    context.disk = try options.diskDescriptor.map { try Self.output($0, "the disk descriptor", beside: &outputs) }
    context.map = try (options.reserved?.map).map { try Self.output($0, "the map of blocks", beside: &outputs) }
    try options.check(tree)
    if let base = options.base {
      if output.isBlockDevice { throw BuildError.baseOnDevice("\(output.path)") }
      context.kept = try KeptInodes(
        base, tree, order, comparesAttributes: options.sharedAttributeThreshold != nil)
    }
    self.progress = ProgressReporter(progress)
    if let hints = options.hints {
      for hint in hints.hints where hint.pclusterBytes > 0 && hint.algorithm >= options.encodings.count {
        throw OptionError.hint(line: hint.line, algorithm: hint.algorithm, count: options.encodings.count)
      }
    }
  }

  private static func output(
    _ path: FilePath, _ what: String, beside others: inout [(file: OutputFile, what: String)]
  ) throws -> OutputFile {
    let file = try OutputFile(path)
    for other in others where file.path.place == other.file.path.place {
      throw BuildError.sameFile(what, other.what, "\(path)")
    }
    others.append((file, what))
    return file
  }

  /// Makes the image and gives it its name, after all that belongs to it.
  consuming func run(beforeNaming: () throws -> Void = {}) throws -> BuildSummary {
    let files = [context.device, context.list, context.disk, context.map, context.output]
    let base = context.options.base
    let summary = try make()
    try beforeNaming()
    // Somebody else may have added to it meanwhile.
    if let base, base.hasChanged() { throw BuildError.baseChanged("\(base.origin.path)") }
    // What cannot be kept on disk shows before any of them has its name.
    for file in files { try file?.sync() }
    for file in files { try file?.publish() }
    return summary
  }

  /// Makes the image, which has no name yet.
  consuming func make() throws -> BuildSummary {
    let options = context.options
    let block = UInt64(options.blockSize)
    if let base = options.base {
      progress.start(.copying, total: base.end)
      var copied: UInt64 = 0
      try base.copy(to: context.output) { done in
        try progress.advance(by: done - copied, written: done)
        copied = done
      }
    }
    var sink = BlockSink(context.output, position: context.dataStart, offset: options.offset)
    var contents = try ContentPass(context)
    try contents.run(&sink, &progress)
    let digests = try options.digestAttribute == nil ? FileDigests() : FileDigests(context, &progress)
    var metadata = try MetadataPass(context, digests, epoch: epoch)
    try metadata.placeEarly(after: sink.position, &contents)
    let packed = try contents.pack(&sink, &progress)
    let dataEnd = sink.position

    var formats = contents.algorithms
    var largestCluster = contents.largestCluster
    if let box = options.metabox {
      formats.insert(options.encoding(at: options.metaboxTreatment.encoding).algorithm.format)
      largestCluster = max(largestCluster, box.clusterSize)
    }
    // LZ4 that an image has without announcing it is announced with what is added.
    if let base = options.base, context.kept.hasCompressed, !formats.isEmpty,
      !base.origin.superblock.incompatible.contains(.compressionRecords)
    {
      formats.insert(Algorithm.lz4.rawValue)
    }
    let superblock = SuperblockWriter(options: options, algorithms: formats, largestCluster: largestCluster)
    try metadata.place(after: dataEnd, contents, packed: packed, superblockEnd: superblock.end)
    let digest = try metadata.write(&sink, &progress)
    let blocks = try Self.blocks(metadata.end, options)
    if let limit = options.imageLimit, blocks * block > limit {
      throw BuildError.imageLimit(blocks * block, limit: limit)
    }
    try sink.flush()
    try context.output.setSize(options.offset + blocks * block)

    summary.uuid = uuid(contents, digest)
    let deviceBlocks = try contents.finishDevice()
    let devices = deviceBlocks.map { [.init(blocks: $0, path: context.device?.path)] } ?? options.devices
    try Self.check(devices, after: blocks, options)
    var head = superblock.bytes(
      metadata, contents: contents, inodes: UInt64(metadata.count), blocks: blocks, devices: devices,
      uuid: summary.uuid,
      buildTime: (options.buildTime ?? latestTime).seconds)
    if let base = options.base {
      // Not as the base has it: the root's inode may be in it.
      var old = [UInt8](repeating: 0, count: SuperblockUpdate.headBytes(blockSize: options.blockSize))
      try old.withUnsafeMutableBytes { try context.output.read(into: $0, at: 0) }
      head = try SuperblockUpdate(base: base, kept: context.kept, writer: superblock).bytes(
        old, head, inodes: UInt64(metadata.count) + (base.origin.superblock.packedNID == 0 ? 0 : 1),
        hasPacked: metadata.packedNID != nil)
    }
    try head.withUnsafeBytes { try context.output.write($0, at: options.offset) }

    summary.blockSize = options.blockSize
    summary.blocks = blocks
    summary.inodes = UInt64(context.order.count)
    summary.dataBytes = dataEnd - context.dataStart
    summary.keptBytes = options.base?.end ?? 0
    summary.metadataBytes = blocks * block - summary.dataBytes - summary.keptBytes
    summary.contentBytes = contents.contentBytes
    summary.deviceBytes = (deviceBlocks ?? 0) * block
    summary.referredBytes = contents.referredBytes
    summary.sharedBytes = contents.sharedBytes + contents.fragments.sharedBytes
    summary.packedBytes = contents.packedBytes
    if let list = context.list, let wanted = options.blockList {
      var writer = BlockListWriter(context, contents, root: wanted.root)
      try writer.write(to: list)
    }
    if let disk = context.disk {
      var parts = [DiskDescriptor.Part(path: context.output.path, bytes: blocks * block, offset: options.offset)]
      for (index, device) in devices.enumerated() {
        guard let path = device.path else { throw BuildError.unknownDevice(index + 1) }
        parts.append(.init(path: path, bytes: device.blocks * block))
      }
      let text = Array(try DiskDescriptor.text(parts, uuid: summary.uuid, at: disk.path).utf8)
      try text.withUnsafeBytes { try disk.write($0, at: 0) }
      try disk.setSize(UInt64(text.count))
    }
    if options.verifies {
      try beforeVerifying()
      (summary.verifiedFiles, summary.verifiedBytes) = try Verifier(context, contents, metadata).run(&progress)
    }
    if let memory = options.readerMemory {
      let need = try memory.reader.need(of: ImageFile(context.output, context.device, offset: options.offset))
      guard need.bytes <= memory.bytes else {
        throw BuildError.readerMemory(need.bytes, limit: memory.bytes, path: need.path)
      }
      summary.readerBytes = need.bytes
    }
    if options.hasHashTree {
      progress.start(.hashing, total: blocks * block)
      summary.hashTree = try HashTree.append(
        to: context.output, start: options.offset, size: blocks * block, blockSize: min(4096, options.blockSize),
        uuid: summary.uuid, threads: context.threads
      ) { try progress.advance(by: $0, written: blocks * block) }
    }
    progress.finish()
    summary.seconds = progress.seconds
    return summary
  }

  /// Bytes up to the end of the superblock's block, whatever records it has.
  static func headBytes(_ options: BuildOptions) -> UInt64 {
    let used = UInt64(SuperblockRecord.start + SuperblockRecord.byteCount + 80)
    let table = UInt64(
      SuperblockRecord.start + SuperblockRecord.byteCount + options.deviceCount * DeviceSlotRecord.byteCount)
    let block = UInt64(options.blockSize)
    return (max(used, table) + block - 1) / block * block
  }

  /// Whether all devices have a place in the unified address space that can be written down.
  private static func check(
    _ devices: [BuildOptions.ExtraDevice], after blocks: UInt64, _ options: BuildOptions
  ) throws(BuildError) {
    var end = blocks
    for device in devices {
      let (sum, isHuge) = end.addingReportingOverflow(device.blocks)
      guard !isHuge, device.blocks < (options.wideAddresses ? 1 << 48 : UInt64(UInt32.max)), sum < 1 << 62 else {
        throw .tooLarge(blocks: device.blocks)
      }
      end = sum
    }
  }

  private static func blocks(_ end: UInt64, _ options: BuildOptions) throws(BuildError) -> UInt64 {
    let unit = UInt64(options.blockSize) * options.sizeUnit
    let blocks = (end + unit - 1) / unit * options.sizeUnit
    guard blocks < (options.wideAddresses ? 1 << 48 : UInt64(UInt32.max)) else { throw .tooLarge(blocks: blocks) }
    return blocks
  }

  // MARK: What follows from the tree

  /// The time of compact inodes: the one that most inodes have, of several the earliest.
  private var epoch: Time {
    if let base = context.options.base { return base.epoch }
    if !context.options.keepsTimes { return context.options.buildTime ?? latestTime }
    var counts: [Time: Int] = [:]
    for number in 0..<context.order.count { counts[context.tree[context.inode(number)].time, default: 0] += 1 }
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }!.key
  }

  private var latestTime: Time {
    (0..<context.order.count).map { context.tree[context.inode($0)].time }.max()!
  }

  private func uuid(_ contents: ContentPass, _ metadata: ContentDigest) -> [UInt8] {
    var bytes: [UInt8]
    switch context.options.uuid {
    case .bytes(let given): return given
    case .random:
      bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
      bytes[6] = bytes[6] & 0x0F | 0x40
    case .ofContents:
      let hash = SHA256()
      func add(_ high: UInt64, _ low: UInt64) { withUnsafeBytes(of: (high, low)) { hash.update($0) } }
      for sum in contents.sums.all { add(sum.high, sum.low) }
      add(metadata.high, metadata.low)
      if let old = context.options.base?.origin.superblock.uuid { add(old.0, old.1) }
      let digest = ContentDigest(hash)
      bytes = withUnsafeBytes(of: (digest.high, digest.low)) { Array($0) }
      // Version 8: made as its maker likes.
      bytes[6] = bytes[6] & 0x0F | 0x80
    }
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Encoders
import HostSupport

/// Reads all contents, encodes them, and writes what is stored in blocks, in the order of the files.
struct ContentPass {
  /// By number of the inode.
  private(set) var files: [StoredFile]
  /// The extents of all compressed files, in the order of the files.
  private(set) var extents = RunList<StoredExtent>()
  /// The chunks of all chunked files; nil for zeros.
  private(set) var chunks = RunList<StoredChunk?>()
  /// Bytes of contents that stay on devices.
  private(set) var referredBytes: UInt64 = 0
  /// By number of the inode: where its pieces are, if the tree does not say all of it.
  private var placed: [Int: [ReferredContent.Piece]] = [:]
  /// The sums of all segments, to compare with after.
  private(set) var sums = RunList<ContentSum.Value>()
  /// What is stored beside inodes.
  let spool: SpoolFile
  private(set) var fragments: FragmentList
  private(set) var sharedBytes: UInt64 = 0
  private(set) var packedBytes: UInt64 = 0
  private(set) var contentBytes: UInt64 = 0
  /// Formats that occur.
  private(set) var algorithms: Set<UInt8> = []
  private(set) var largestCluster: Int

  private let build: BuildContext
  /// Where chunks go, if not into the image.
  private var device: BlockSink?
  private var chunkPlaces: [ContentDigest: StoredChunk] = [:]

  init(_ build: BuildContext) throws {
    self.build = build
    files = Array(repeating: StoredFile(), count: build.order.count)
    spool = try SpoolFile(beside: build.output)
    fragments = FragmentList(try SpoolFile(beside: build.output))
    largestCluster = build.options.cluster
    device = build.device.map { BlockSink($0, position: 0, offset: 0) }
  }

  // MARK: Running

  mutating func run(_ sink: inout BlockSink, _ progress: inout ProgressReporter) throws {
    try build.checkSizes()
    let duplicates = try build.options.dedupes ? DuplicateFiles(build, &progress) : DuplicateFiles()
    let treatments = Treatments(build)
    largestCluster = treatments.largestCluster
    let all = build.storage.sorted(
      (0..<build.order.count).filter {
        build.isStored($0) && duplicates.originals[$0] == nil && build.referred(of: $0) == nil
      })
    contentBytes = all.reduce(0) { $0 + build.size(of: $1) }
    try checkFlatFiles(all, treatments)
    try build.checkRoom(all.filter { treatments[$0].kind == .compressed })
    let findsRuns = build.options.dedupes && build.options.isCompressed && build.options.fragments != .all
    var runs =
      try findsRuns ? RepeatedRuns(build, treatments, files: all, &progress) : RepeatedRuns(files: all)
    progress.start(.contents, total: contentBytes)
    for step in runs.steps {
      runs.begin(step) { storedExtents(of: $0) }
      var source = JobSource(build, step.files, part: step.part, joinsHoles: !findsRuns) { treatments[$0] }
      try build.run(
        next: {
          guard var job = try source.next() else { return nil }
          runs.prepare(&job)
          return job
        },
        perform: { try $0.perform($1) }
      ) { result in
        try take(result, &sink)
        try progress.advance(by: UInt64(result.job.length), written: sink.position)
        guard result.job.holes > 1 else { return }
        var part = result
        for _ in 1..<result.job.holes {
          part.job.offset += UInt64(part.job.length)
          try take(part, &sink)
          try progress.advance(by: UInt64(part.job.length), written: sink.position)
        }
      }
    }
    try sink.align(to: UInt64(build.options.blockSize))
    try takeReferred(&sink)
    for (copy, original) in duplicates.originals {
      files[copy] = files[original]
      let size = build.size(of: copy)
      sharedBytes += size
      contentBytes += size
    }
  }

  /// Sparse files of any size take a few bytes in an archive. Flat, they take all the blocks of an image, which is found out
  /// before hours are spent on zeros.
  private func checkFlatFiles(_ files: [Int], _ treatments: Treatments) throws(BuildError) {
    var bytes: UInt64 = 0
    for number in files where treatments[number].kind == .plain { bytes += build.size(of: number) }
    try build.checkAddress(bytes)
  }

  /// What others can share of a file: its extents, or of a flat file its blocks.
  private func storedExtents(of number: Int) -> [StoredExtent] {
    let file = files[number]
    if file.layout == .compressed { return Array(extents[file.extents]) }
    guard file.layout == .flat else { return [] }
    let blockSize = UInt64(build.options.blockSize)
    return (0..<build.size(of: number) / blockSize).map {
      StoredExtent(
        length: UInt32(blockSize), storedBytes: UInt32(blockSize), address: file.address + $0 * blockSize, form: .plain)
    }
  }

  private mutating func take(_ result: ContentResult, _ sink: inout BlockSink) throws {
    let job = result.job
    var file = files[job.file]
    if job.isFirst {
      switch job.treatment.kind {
      case .plain:
        try sink.align(to: UInt64(build.options.blockSize) * build.options.dataUnit)
        (file.layout, file.address) = (.flat, sink.position)
      case .compressed:
        // A flat file before it may end inside a block.
        if build.options.index != .encoded { try sink.align(to: UInt64(build.options.blockSize)) }
        file.layout = .compressed
        let format = build.options.encodings[job.treatment.encoding].algorithm.format
        file.algorithms = (format, format)
        file.extents = extents.count..<extents.count
      case .packed: file.layout = .fragment
      case .chunked:
        file.layout = .chunked
        file.chunkShift = UInt8(build.options.chunkSize!.trailingZeroBitCount - build.options.blockShift)
        file.extents = chunks.count..<chunks.count
      }
      file.sums = sums.count..<sums.count
      file.segmentBytes = UInt64(job.length)
    }
    sums.append(result.sum)
    file.sums = file.sums.lowerBound..<sums.count
    if job.treatment.kind == .chunked { try takeChunks(result, &sink) } else { try takeExtents(result, &sink) }
    if !result.packed.isEmpty {
      packedBytes += UInt64(result.packed.count)
      let isWhole = file.layout == .fragment
      let fragment = try fragments.add(result, owner: job.file, extending: isWhole && !job.isFirst)
      let length = isWhole ? job.offset + UInt64(job.length) : UInt64(result.packed.count)
      file.tail = .packed(fragment: fragment, length: length)
    } else if case .inline(let bytes, let length, let form) = result.segment.tail {
      let place = try bytes.withUnsafeBytes { try spool.append($0) }
      file.tail = .inline(spool: place, byteCount: UInt32(bytes.count), length: UInt32(length), form: form)
    }
    switch file.layout {
    case .compressed: file.extents = file.extents.lowerBound..<extents.count
    case .chunked: file.extents = file.extents.lowerBound..<chunks.count
    default: break
    }
    if job.isLast { finish(&file, job) }
    files[job.file] = file
  }

  private mutating func takeExtents(_ result: ContentResult, _ sink: inout BlockSink) throws {
    let (placed, stored) = result.segment.placed(at: sink.position, blockSize: build.options.blockSize)
    for extent in placed where extent.isShared { sharedBytes += UInt64(extent.length) }
    for extent in placed { extents.append(extent) }
    if result.job.treatment.kind == .plain {
      try stored.withUnsafeBytes { try sink.writeSparse($0) }
    } else {
      try sink.write(stored)
    }
    if result.isHole { try sink.skip(to: sink.position + UInt64(result.job.length)) }
  }

  private mutating func takeChunks(_ result: ContentResult, _ image: inout BlockSink) throws {
    guard var own = device else { return try storeChunks(result, &image) }
    device = nil
    defer { device = own }
    try storeChunks(result, &own)
  }

  private mutating func storeChunks(_ result: ContentResult, _ sink: inout BlockSink) throws {
    try sink.align(to: UInt64(build.options.blockSize))
    var start = 0
    for chunk in result.chunks {
      guard let digest = chunk.digest else {
        chunks.append(nil)
        continue
      }
      defer { start += chunk.length }
      if let known = chunkPlaces[digest] {
        chunks.append(known)
        sharedBytes += UInt64(chunk.length)
        continue
      }
      try sink.align(to: UInt64(build.options.blockSize) * build.options.dataUnit)
      let place = StoredChunk(
        block: sink.position >> UInt64(build.options.blockShift), device: build.device == nil ? 0 : 1)
      chunkPlaces[digest] = place
      chunks.append(place)
      try result.segment.stored.withUnsafeBytes {
        try sink.write(UnsafeRawBufferPointer(rebasing: $0[start..<start + chunk.length]))
      }
    }
    try sink.align(to: UInt64(build.options.blockSize))
  }

  /// Contents that stay where they are, or that something else puts into the image.
  private mutating func takeReferred(_ sink: inout BlockSink) throws {
    guard build.tree.hasReferredContents else { return }
    var map = build.map.map { ReservedMap($0, blockShift: build.options.blockShift) }
    for number in build.storage.sorted(Array(0..<build.order.count)) {
      guard let content = build.referred(of: number), content.size > 0 else { continue }
      var file = StoredFile()
      file.layout = .chunked
      contentBytes += content.size
      var pieces = content.pieces
      if build.options.reserved != nil {
        for index in pieces.indices {
          try map?.add(pieces[index], at: sink.position)
          let place = sink.position
          try sink.skip(to: place + pieces[index].length)
          try sink.align(to: UInt64(build.options.blockSize))
          (pieces[index].device, pieces[index].place) = (0, place)
        }
        try build.checkAddress(sink.position)
      } else {
        for piece in pieces { referredBytes += piece.length }
      }
      if !content.tail.isEmpty {
        let length = UInt64(content.tail.count)
        // Linux (6.18) reads on from one device where it should go on with another, if the next address is the same number.
        if let last = pieces.last, last.device != 0, last.place + last.length == sink.position {
          try sink.skip(to: sink.position + UInt64(build.options.blockSize))
        }
        pieces.append(.init(offset: content.size - length, length: length, device: 0, place: sink.position))
        try sink.write(content.tail)
        try sink.align(to: UInt64(build.options.blockSize))
      }
      if build.options.reserved != nil || !content.tail.isEmpty { placed[number] = pieces }
      let table = try ReferredChunks(content.size, pieces, build, number, after: chunks.count)
      file.chunkShift = table.shift
      file.extents = chunks.count..<chunks.count + table.chunks.count
      for run in table.chunks.all.runs { chunks.append(run.element, count: run.count) }
      files[number] = file
    }
    try map?.finish()
  }

  /// Where the content of a file that is only referred to is, with device 0 for the image; nil for other files.
  func pieces(of number: Int) -> [ReferredContent.Piece]? { placed[number] ?? build.referred(of: number)?.pieces }

  /// Writes the rest of the extra device.
  ///
  /// - Returns: its blocks, 1 at least, because an empty file cannot be a loop device; nil if there is no such device.
  mutating func finishDevice() throws -> UInt64? {
    guard let file = build.device else { return nil }
    try device?.flush()
    let blocks = max(1, (device?.position ?? 0) >> UInt64(build.options.blockShift))
    guard blocks < (build.options.wideAddresses ? 1 << 48 : UInt64(UInt32.max)) else {
      throw BuildError.tooLarge(blocks: blocks)
    }
    try file.setSize(blocks << UInt64(build.options.blockShift))
    return blocks
  }

  /// A file of which nothing got smaller is stored flat: its blocks are those of a flat file already.
  private mutating func finish(_ file: inout StoredFile, _ job: ContentJob) {
    if file.layout == .compressed {
      if case .packed(_, let length) = file.tail, length == job.offset + UInt64(job.length) {
        file.layout = .fragment
      } else if let address = flatAddress(of: file) {
        (file.layout, file.address) = (.flat, address)
        extents.removeAll(from: file.extents.lowerBound)
        file.extents = 0..<0
      } else {
        algorithms.insert(file.algorithms.0)
        let others = extents[file.extents].values.first { $0.form == .compressed && $0.algorithm != file.algorithms.0 }
        if let others {
          file.algorithms.1 = others.algorithm
          algorithms.insert(others.algorithm)
        }
      }
    }
  }

  private func flatAddress(of file: StoredFile) -> UInt64? {
    switch file.tail {
    case .none, .inline(_, _, _, .plain): break
    default: return nil
    }
    let extents = extents[file.extents]
    guard let first = extents.first else { return 0 }
    let mask = UInt64(build.options.blockSize) - 1
    guard first.address & mask == 0, build.options.dataUnit == 1 else { return nil }
    var next = first.address
    for extent in extents {
      guard extent.isPlain, !extent.isShared, extent.address == next else { return nil }
      // Only the last block may have fewer bytes of the file than it is long.
      next += UInt64(extent.length)
    }
    return first.address
  }

  var hasCompressedTails: Bool {
    files.contains {
      if $0.layout == .compressed, case .inline = $0.tail { true } else { false }
    }
  }

  var hasSharedExtents: Bool { extents.values.contains { $0.isShared } }

  // MARK: The packed inode

  /// Room in the packed inode for the content of a directory, which ``fill(_:_:)`` states.
  mutating func reserveFragment(of count: Int, owner: Int) -> Int { fragments.reserve(count, owner: owner) }
  /// Decides where in the packed inode each fragment is, once all are there.
  mutating func arrangeFragments() throws { try fragments.arrange(build) }
  mutating func fill(_ fragment: Int, _ bytes: [UInt8]) throws { try fragments.fill(fragment, with: bytes) }

  /// Encodes the fragments, in an order that suits compression, as the content of one more inode.
  ///
  /// - Returns: nil if there are none.
  mutating func pack(_ sink: inout BlockSink, _ progress: inout ProgressReporter) throws -> (StoredFile, size: UInt64)?
  {
    try arrangeFragments()
    guard fragments.size > 0 else { return nil }
    progress.start(.packing, total: fragments.size)
    largestCluster = max(largestCluster, build.options.packedCluster)
    var treatment = ContentJob.Treatment(kind: .compressed, clusterSize: build.options.packedCluster)
    treatment.second = build.options.second(beside: treatment.encoding)
    if build.options.packsTails { treatment.tail = build.inlineTail }
    let own = files.count
    files.append(StoredFile())
    defer { files.removeLast() }
    let list = fragments
    try build.encode(asFile: own, size: list.size, treatment, read: { try list.read(into: $0, at: $1) }) { result in
      try take(result, &sink)
      try progress.advance(by: UInt64(result.job.length), written: sink.position)
    }
    try sink.align(to: UInt64(build.options.blockSize))
    return (files[own], fragments.size)
  }
}

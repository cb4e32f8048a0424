// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFS
import EROFSTools
import HostSupport

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Shows the superblock, features, algorithms, file counts and the memory needed to read an image.")

  @OptionGroup var options: ImageOptions
  @OptionGroup var json: JSONOption

  @Option(
    name: .customLong("picture"),
    help: ArgumentHelp(
      "Draw the image as SVG: what is where, and a table of where the bytes went.", valueName: "file"))
  var picture: RawArgument?

  func run() throws {
    let reader = try options.reader()
    if let picture { try draw(reader, picture) }
    let summary: Summary
    do { summary = try Summary(reader) } catch { throw CommandError("\(options.image): \(advised(error))") }
    if json.isOn {
      StandardOutput.shared.write(text: summary.json.text() + "\n")
    } else {
      let rows = summary.rows
      let width = (rows.map(\.0.count).max() ?? 0) + 2
      for (key, value) in rows {
        let pad = String(repeating: " ", count: width - key.count)
        StandardOutput.shared.write(text: value.isEmpty ? "\(key)\n" : "\(key)\(pad)\(value)\n")
      }
    }
    let repeated = RepeatedErrors(reader.image, reader.superblock)
    for (path, error) in summary.errors where !repeated.isRepeated(error) {
      printError("/\(path.printable): \(advised(error))")
    }
    if let text = repeated.text { printError("\(options.image): \(text)") }
    if summary.checksum == false { printError("the superblock's checksum is wrong") }
    if summary.checksum == false || !summary.errors.isEmpty { throw ExitCode(ExitStatus.failed) }
  }

  private func draw(_ reader: ImageReader, _ picture: RawArgument) throws {
    let name = options.image.bytes.split(separator: 0x2F).last.map(Array.init) ?? options.image.bytes
    let text: String
    do { text = try ImagePicture(of: reader, title: name).svg } catch {
      throw CommandError("\(options.image): \(advised(error))")
    }
    let output = try OutputFile(picture.filePath)
    let bytes = Array(text.utf8)
    try bytes.withUnsafeBytes { try output.write($0, at: 0) }
    try output.setSize(UInt64(bytes.count))
    try output.publish()
  }
}

/// What `info` shows.
private struct Summary {
  let superblock: Superblock
  /// Whether the checksum is correct; nil if the image has none.
  let checksum: Bool?
  private(set) var counts: [InodeKind: Int] = [:]
  private(set) var names = 0
  private(set) var contentBytes: UInt64 = 0
  private(set) var least = MemoryPlan()
  private(set) var whole = MemoryPlan()
  private(set) var errors: [([UInt8], EROFSError)] = []
  let devices: [DeviceSlot]

  init(_ reader: ImageReader) throws {
    superblock = reader.superblock
    checksum = try superblock.checksumMatches(in: reader.image)
    devices = try reader.image.deviceTable(superblock)
    let root = try reader.volume.inode(superblock.rootNID)
    var seen: Set<UInt64> = []
    reader.forEachNode(from: root, onError: { errors.append(($0, $1)) }) { node in
      names += 1
      guard seen.insert(node.inode.nid).inserted else { return }
      counts[node.inode.kind, default: 0] += 1
      if node.inode.kind == .regular { contentBytes &+= node.inode.size }
      do throws(EROFSError) {
        least.formUnion(try reader.plan(for: node.inode, .least))
        whole.formUnion(try reader.plan(for: node.inode, .wholeExtents))
      } catch { errors.append((node.path, error)) }
    }
  }

  private var algorithms: [(Algorithm, String)] {
    let limits = superblock.compression
    return Algorithm.allCases.filter(limits.announces).map { ($0, $0.onHosts.limits(limits)) }
  }

  private var checksumText: String {
    let digits = "0x" + String(superblock.checksum, radix: 16)
    switch checksum {
    case true?: return "\(digits), correct"
    case false?: return "\(digits), WRONG"
    case nil: return "none"
    }
  }

  var rows: [(String, String)] {
    var rows: [(String, String)] = [
      ("uuid", superblock.uuidText), ("label", superblock.label.isEmpty ? "none" : superblock.label.printable),
      ("block size", "\(superblock.blockSize)"), ("blocks", "\(superblock.blockCount)"),
      ("inodes", "\(superblock.inodeCount)"), ("root nid", "\(superblock.rootNID)"),
    ]
    if superblock.packedNID != 0 { rows.append(("packed nid", "\(superblock.packedNID)")) }
    if let nid = superblock.metaboxNID { rows.append(("metabox nid", "\(nid)")) }
    rows.append(("created", builtAt.text(isFull: true)))
    rows.append(("checksum", checksumText))
    if superblock.extraDevices > 0 { rows.append(("extra devices", "\(superblock.extraDevices)")) }
    for device in devices { rows.append(("device \(device.number)", device.text)) }
    rows.append(("features", superblock.featureNames.isEmpty ? "none" : superblock.featureNames.joined(separator: " ")))
    for (algorithm, text) in algorithms { rows.append(("\(algorithm.name)", text)) }
    rows.append(("names", "\(names)"))
    for kind in InodeKind.allCases {
      if let count = counts[kind] { rows.append((kind.word, "\(count)")) }
    }
    rows.append(("content", contentBytes.counting("byte")))
    rows.append(("memory", "\(least.totalBytes) bytes to read every file, \(whole.totalBytes) with whole extents"))
    return rows
  }

  private var builtAt: Moment {
    Moment(
      seconds: superblock.epoch &+ Int64(superblock.buildTime), nanoseconds: superblock.fixedNanoseconds)
  }

  var json: JSON {
    var members: [JSON.Member] = [("uuid", .string(superblock.uuidText))]
    members += JSON.members("label", superblock.label)
    members += [
      ("block_size", JSON(superblock.blockSize)), ("blocks", JSON(superblock.blockCount)),
      ("inodes", JSON(superblock.inodeCount)), ("root_nid", JSON(superblock.rootNID)),
      ("packed_nid", superblock.packedNID == 0 ? .null : JSON(superblock.packedNID)),
      ("metabox_nid", superblock.metaboxNID.map { JSON($0) } ?? .null),
      ("epoch", JSON(superblock.epoch)), ("fixed_nanoseconds", JSON(superblock.fixedNanoseconds)),
      ("build_time", JSON(builtAt.seconds)), ("checksum", JSON(superblock.checksum)),
      ("checksum_matches", checksum.map { .bool($0) } ?? .null), ("extra_devices", JSON(superblock.extraDevices)),
      ("devices", .array(devices.map(\.json))),
      ("features", .array(superblock.featureNames.map { .string($0) })),
      ("feature_compat", JSON(superblock.compatible.rawValue)),
      ("feature_incompat", JSON(superblock.incompatible.rawValue)),
    ]
    let limits = superblock.compression
    members.append(
      (
        "algorithms",
        .array(
          algorithms.map { algorithm, _ in
            var members: [JSON.Member] = [
              ("name", .string("\(algorithm.name)")), ("window_bytes", JSON(limits.window(of: algorithm))),
            ]
            if let blocks = algorithm.onHosts.largestPclusterBlocks(limits) {
              members.append(("maximum_pcluster_bytes", JSON(blocks * superblock.blockSize)))
            }
            return .object(members)
          })
      ))
    members.append(("names", JSON(names)))
    members.append(("counts", .object(InodeKind.allCases.map { ($0.word, JSON(counts[$0] ?? 0)) })))
    members.append(("content_bytes", JSON(contentBytes)))
    members.append(
      (
        "memory",
        [
          "least_bytes": JSON(least.totalBytes), "least_frame_bytes": JSON(least.frameBytes),
          "least_state_bytes": JSON(least.stateBytes), "whole_extents_bytes": JSON(whole.totalBytes),
        ]
      ))
    return .object(members)
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTools

extension BuildSummary {
  private var uuidText: String {
    var text = ""
    for (place, byte) in uuid.enumerated() {
      if [4, 6, 8, 10].contains(place) { text += "-" }
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
  }

  /// What mkfs.erofs prints after a build, which scripts look for.
  var linesForScripts: String {
    let metadataBlocks = blockSize == 0 ? 0 : (metadataBytes + UInt64(blockSize) - 1) / UInt64(blockSize)
    return """
      Build completed.
      ------
      Filesystem UUID: \(uuidText)
      Filesystem total blocks: \(blocks) (of \(blockSize)-byte blocks)
      Filesystem total inodes: \(inodes)
      Filesystem total metadata blocks: \(metadataBlocks)
      Filesystem total deduplicated bytes (of source files): \(sharedBytes)

      """
  }

  private static func share(_ part: Double, of whole: Double) -> String {
    whole > 0 ? (part / whole * 100).decimal(1) + " %" : ""
  }

  /// What took how much room and time, for people.
  var table: String {
    var sizes = TextTable([("", .left), ("bytes", .right), ("share", .right)])
    func add(_ title: String, _ bytes: UInt64, of whole: UInt64) {
      sizes.append(title, bytes.grouped, Self.share(Double(bytes), of: Double(whole)))
    }
    // Of what is added to, nobody counts the contents, so there is nothing to compare the whole image with.
    let isAdded = keptBytes > 0
    sizes.append(isAdded ? "contents that are added" : "contents of files", contentBytes.grouped)
    if sharedBytes > 0 { add("  stored only once", sharedBytes, of: contentBytes) }
    if packedBytes > 0 { add("  packed together", packedBytes, of: contentBytes) }
    // Contents that are not stored are not compared.
    if verifiedBytes > 0 { add("  read back and compared", verifiedBytes, of: contentBytes) }
    add("image", imageBytes, of: isAdded ? 0 : contentBytes)
    if keptBytes > 0 { add("  as it was", keptBytes, of: imageBytes) }
    add("  data", dataBytes, of: imageBytes)
    add("  metadata", metadataBytes, of: imageBytes)
    if deviceBytes > 0 { add("blob device", deviceBytes, of: contentBytes) }
    if referredBytes > 0 { add("on extra devices", referredBytes, of: contentBytes) }
    let used = keptBytes + dataBytes + metadataBytes
    if used < imageBytes { add("  neither", imageBytes - used, of: imageBytes) }
    var text = "\n" + sizes.text
    let total = seconds.values.reduce(0, +)
    guard total > 0 else { return text }
    var times = TextTable([("", .left), ("seconds", .right), ("share", .right)])
    for stage in Stage.allCases {
      guard let time = seconds[stage] else { continue }
      times.append(stage.rawValue, time.decimal(2), Self.share(time, of: total))
    }
    times.append("total", total.decimal(2))
    text += "\n" + times.text
    return text
  }

  func json(image: RawArgument, _ search: ImageBuilder.Result?, warnings: [String]) -> JSON {
    .object(
      JSON.members("image", image.bytes) + [
        ("uuid", .string(uuidText)), ("block_size", JSON(blockSize)), ("blocks", JSON(blocks)),
        ("image_bytes", JSON(imageBytes)), ("inodes", JSON(inodes)), ("metadata_bytes", JSON(metadataBytes)),
        ("data_bytes", JSON(dataBytes)), ("kept_bytes", JSON(keptBytes)),
        ("device_bytes", JSON(deviceBytes)), ("content_bytes", JSON(contentBytes)),
        ("referred_bytes", JSON(referredBytes)), ("shared_bytes", JSON(sharedBytes)),
        ("packed_bytes", JSON(packedBytes)), ("verified_files", JSON(verifiedFiles)),
        ("verified_bytes", JSON(verifiedBytes)), ("reader_bytes", readerBytes.map { JSON($0) } ?? .null),
        ("search", search?.json ?? .null),
        (
          "seconds",
          .object(Stage.allCases.compactMap { stage in seconds[stage].map { (stage.rawValue, .number($0)) } })
        ),
        ("warnings", .array(warnings.map { .string($0) })),
      ])
  }
}

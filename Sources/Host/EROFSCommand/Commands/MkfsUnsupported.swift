// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What mkfs.erofs has, or this command is to have, and this version has not: all of it is listed here.
enum MkfsUnsupported: Sendable, CaseIterable {
  case seekIndexes, registries, buckets, imageSources
  case incremental
  case byteAddresses

  /// Its options, by which it is recognized, without dashes, and whether they take a value. `imageSources` has none, and
  /// `byteAddresses` is a value of another option.
  var options: [(name: StaticString, argument: LongOptions.Argument)] {
    switch self {
    case .seekIndexes: [("gzinfo", .optional)]
    case .registries: [("oci", .optional)]
    case .buckets: [("s3", .required)]
    case .imageSources: []
    case .incremental: [("incremental", .optional), ("clean", .optional)]
    case .byteAddresses: []
    }
  }

  /// Whether an option with this value, nil for none, asks for it.
  func isWanted(by option: String, _ value: String?) -> Bool {
    // A full build with all data is what this command makes anyway.
    if option == "clean" { return value != nil && value != "data" }
    return true
  }

  /// Its options, with their values, that ask for nothing that is missing.
  static var accepted: [String] {
    allCases.flatMap { feature in
      feature.options.flatMap { name, _ in
        [nil, "0", "data"].filter { !feature.isWanted(by: "\(name)", $0) }
          .map { $0.map { "--\(name)=\($0)" } ?? "--\(name)" }
      }
    }
  }

  /// In the plural, for a sentence.
  var what: String {
    switch self {
    case .seekIndexes: "indexes of compressed tar archives"
    case .registries: "images of registries as sources"
    case .buckets: "buckets of S3 as sources"
    case .imageSources: "EROFS images, or several directories, as sources"
    case .incremental: "builds that add to an image, or that leave out data,"
    case .byteAddresses: "extents of any bytes of the image"
    }
  }

  /// What to do instead.
  var advice: String {
    switch self {
    case .registries, .buckets, .imageSources: "; give one directory"
    default: ""
    }
  }

  static let byName: [String: MkfsUnsupported] = {
    var found: [String: MkfsUnsupported] = [:]
    for feature in allCases {
      for (name, _) in feature.options { found[name.utf8CodeUnitCount == 1 ? "-\(name)" : "\(name)"] = feature }
    }
    return found
  }()
}

/// Why there is nothing to be done for a command line.
enum MkfsError: Error, Sendable, CustomStringConvertible {
  case usage(String)
  /// What is not supported, and the option or operand that wants it.
  case unsupported(MkfsUnsupported, by: String)

  var description: String {
    switch self {
    case .usage(let text): text
    case .unsupported(let feature, let option):
      "\(option): \(feature.what) are not supported yet by this version\(feature.advice)"
    }
  }
}

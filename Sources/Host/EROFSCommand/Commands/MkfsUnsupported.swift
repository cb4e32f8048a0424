// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What mkfs.erofs has, or this command is to have, and this version has not: all of it is listed here.
enum MkfsUnsupported: Sendable, CaseIterable {
  case registries, buckets, otherSources
  case byteAddresses

  /// Its options, by which it is recognized, without dashes, and whether they take a value. The last two are values of other
  /// options, or operands.
  var options: [(name: StaticString, argument: LongOptions.Argument)] {
    switch self {
    case .registries: [("oci", .optional)]
    case .buckets: [("s3", .required)]
    case .byteAddresses, .otherSources: []
    }
  }

  /// In the plural, for a sentence.
  var what: String {
    switch self {
    case .registries: "images of registries as sources"
    case .buckets: "buckets of S3 as sources"
    case .otherSources: "several sources that are not all EROFS images"
    case .byteAddresses: "extents of any bytes of the image"
    }
  }

  /// What to do instead.
  var advice: String {
    switch self {
    case .registries, .buckets, .otherSources: "; give one directory"
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

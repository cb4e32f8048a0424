// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// The options that say which times an image and its files have.
struct MkfsTimes {
  private var fixed: Time?
  /// The last of --mkfs-time and --all-time.
  private var scope: MkfsOption?
  private var clamps = false

  mutating func take(_ option: MkfsOption, _ value: String) throws(MkfsError) {
    switch option {
    case .time:
      guard let time = Time(parsing: value) else { throw MkfsParser.invalid(option, value) }
      fixed = time
    case .mkfsTime, .allTime: scope = option
    case .clampTime: clamps = true
    default: preconditionFailure("an option that nothing takes")
    }
  }

  func finish(_ request: inout MkfsRequest, sourceDate: String?) throws(MkfsError) {
    var source: Time?
    if let sourceDate, !sourceDate.isEmpty {
      guard let time = Time(parsing: sourceDate) else {
        throw .usage("the environment variable SOURCE_DATE_EPOCH is not a number of seconds: \(sourceDate)")
      }
      source = time
    }
    if clamps, fixed == nil, source == nil { throw .usage("--clamp-time needs -T") }
    if clamps, let scope { throw .usage("--clamp-time and \(scope.name) cannot be used together") }
    if fixed == nil, let scope { request.warnings.append("\(scope.name) has no effect without -T") }
    request.options.buildTime = source ?? fixed
    request.edits.times = TimeRule(sourceDate: source, fixed: scope == .mkfsTime ? nil : fixed, clamps: clamps)
  }
}

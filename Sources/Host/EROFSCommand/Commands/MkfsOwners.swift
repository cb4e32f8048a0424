// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The options that give all files one owner. As in mkfs.erofs, what comes later counts, for the user and the group apart.
struct MkfsOwners {
  private struct Setting {
    let option: MkfsOption
    var user: UInt32?
    var group: UInt32?
  }

  private var settings: [Setting] = []

  mutating func take(_ option: MkfsOption, _ value: String) throws(MkfsError) {
    var setting = Setting(option: option)
    switch option {
    case .allRoot: (setting.user, setting.group) = (0, 0)
    case .user: setting.user = try Self.id(option, value)
    case .group: setting.group = try Self.id(option, value)
    default: preconditionFailure("an option that nothing takes")
    }
    settings.append(setting)
  }

  private static func id(_ option: MkfsOption, _ value: String) throws(MkfsError) -> UInt32 {
    UInt32(try MkfsParser.number(option, value, limit: UInt64(UInt32.max)))
  }

  func finish(_ request: inout MkfsRequest) {
    request.edits.owners.user = settings.last { $0.user != nil }?.user
    request.edits.owners.group = settings.last { $0.group != nil }?.group
    for (place, setting) in settings.enumerated() {
      guard let others = others(replacing: setting, from: place + 1) else { continue }
      let names = others.map(\.name).joined(separator: " and ")
      request.warnings.append(
        "\(setting.option.name) has no effect: \(names) after it replace\(others.count > 1 ? "" : "s") what it sets")
    }
  }

  /// The options that set otherwise all that `setting` sets; nil if some of it counts.
  private func others(replacing setting: Setting, from place: Int) -> [MkfsOption]? {
    let later = settings[place...].filter { $0.option != setting.option }
    var found: [MkfsOption] = []
    for part in [\Setting.user, \.group] where setting[keyPath: part] != nil {
      guard let other = later.last(where: { $0[keyPath: part] != nil }),
        other[keyPath: part] != setting[keyPath: part]
      else { return nil }
      if !found.contains(other.option) { found.append(other.option) }
    }
    return found
  }
}

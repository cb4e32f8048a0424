// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where servers want to read what was done: entries with a text and named values, as structured logs have them. The module
/// EROFSRegistry has one that leads to swift-log; this module needs no package for it.
public struct ContainerLog: Sendable {
  public enum Level: String, Sendable, CaseIterable { case debug, info, warning }

  /// A thing that happened.
  public struct Entry: Sendable {
    public let level: Level
    /// The same text for all that are of one kind.
    public let message: String
    /// What distinguishes it: names and values.
    public let metadata: [String: String]
  }

  private let write: @Sendable (Entry) -> Void

  /// A log.
  ///
  /// - Parameter write: takes an entry; called on any thread.
  public init(_ write: @escaping @Sendable (Entry) -> Void) { self.write = write }

  /// Nobody reads it.
  public static let none = ContainerLog { _ in }

  func callAsFunction(_ level: Level, _ message: String, _ metadata: [String: String] = [:]) {
    write(Entry(level: level, message: message, metadata: metadata))
  }
}

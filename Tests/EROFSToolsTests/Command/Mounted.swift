// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport

/// An image that `erofs mount` has mounted, until this is released.
final class Mounted {
  let folder = TemporaryFolder()
  var path: String { folder("mounted") }

  struct Refused: Error, CustomStringConvertible { let description: String }

  /// Why nothing can be mounted here; nil if it can.
  static let problem: String? = {
    guard isSuperuser else { return "mounting takes the superuser" }
    guard access("/dev/fuse", R_OK | W_OK) == 0 else { return "no /dev/fuse" }
    guard let name = ReferenceImages.names.first else { return "no images" }
    do { _ = try Mounted(name) } catch { return "\(error)" }
    return nil
  }()

  /// A reference image.
  convenience init(_ name: String, _ options: String...) throws {
    try self.init(
      image: ReferenceImages.path(name), options + ReferenceImages.devices(name).flatMap { ["--device", $0] })
  }

  init(image: String, _ options: [String] = []) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let outcome = try Command.run(["mount"] + options + [image, path], calledAs: "erofs")
    guard outcome.status == 0, isMounted else { throw Refused(description: outcome.errors) }
  }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  var isMounted: Bool { Self.isMounted(path) }

  /// Whether something is mounted on a directory, even if its server has died.
  static func isMounted(_ path: String) -> Bool {
    let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    return table.split(separator: "\n").contains { $0.split(separator: " ").dropFirst().first ?? "" == path }
  }

  /// The process that serves it: of those whose command line contains the directory, the one that has /dev/fuse open.
  var server: pid_t? {
    let files = FileManager.default
    let numbers = (try? files.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
    return numbers.first { number in
      guard let line = files.contents(atPath: "/proc/\(number)/cmdline"),
        line.split(separator: 0).contains(where: { $0.elementsEqual(path.utf8) })
      else { return false }
      let folder = "/proc/\(number)/fd"
      let opened = (try? files.contentsOfDirectory(atPath: folder)) ?? []
      return opened.contains { (try? files.destinationOfSymbolicLink(atPath: folder + "/" + $0)) == "/dev/fuse" }
    }
  }

  deinit { if isMounted { umount2(path, Int32(MNT_DETACH)) } }
}

/// Waits until a condition holds; false if it does not within `seconds`.
func waits(_ seconds: Double = 20, until condition: () throws -> Bool) rethrows -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while try !condition() {
    guard Date() < end else { return false }
    usleep(20_000)
  }
  return true
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Extended attributes of a name in an open directory, of a symbolic link's own. What cannot be listed or read is left out
/// if `skips` says so.
enum AttributeCall {
  static func all(
    of name: [UInt8], in directory: Int32, path: [UInt8], skips: (TreeError) -> Bool
  ) throws(TreeError) -> [ExtendedAttribute] {
    #if os(Linux)
      // No call takes a directory's descriptor and a name, but this path does.
      let file = Array("/proc/self/fd/\(directory)/".utf8) + name
      var names: [UInt8]
      switch whole({ buffer, count in FileCall.withName(file) { llistxattr($0, buffer, count) } }) {
      case .bytes(let bytes): names = bytes
      case .failed(let number):
        if number == ENOTSUP { return [] }
        if number == ENOENT, FileCall.status(at: directory, name) == nil { throw .changed(.vanished, path: path) }
        let error = TreeError.system(.listAttributes, path: path, errno: number)
        if skips(error) { return [] }
        throw error
      }
      if names.last == 0 { names.removeLast() }
      var attributes: [ExtendedAttribute] = []
      for attribute in names.split(separator: 0) {
        let value = whole { buffer, count in
          FileCall.withName(file) { file in
            FileCall.withName(attribute) { lgetxattr(file, $0, UnsafeMutableRawPointer(buffer), count) }
          }
        }
        switch value {
        case .bytes(let bytes): attributes.append(ExtendedAttribute(name: Array(attribute), value: bytes))
        case .failed(let number):
          // Removed since it was listed.
          if number == ENODATA { throw .changed(.modified, path: path) }
          let error = TreeError.attribute(path: path, name: Array(attribute), errno: number)
          if !skips(error) { throw error }
        }
      }
      return attributes
    #else
      return []
    #endif
  }

  private enum Outcome {
    case bytes([UInt8])
    case failed(Int32)
  }

  /// What a call gives that says how long its answer is when it has no room; asked again if that grew meanwhile.
  private static func whole(_ call: (UnsafeMutablePointer<CChar>?, Int) -> Int) -> Outcome {
    while true {
      let count = call(nil, 0)
      if count < 0 { return .failed(errno) }
      if count == 0 { return .bytes([]) }
      var got = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        got = buffer.withMemoryRebound(to: CChar.self) { call($0.baseAddress, count) }
        initialized = max(0, got)
      }
      if got >= 0 { return .bytes(bytes) }
      if errno != ERANGE { return .failed(errno) }
    }
  }
}

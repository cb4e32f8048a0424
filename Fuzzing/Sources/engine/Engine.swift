// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import FuzzKit
import FuzzTargets

nonisolated(unsafe) private var target: (any FuzzTarget)?

/// libFuzzer's hook before the first input: the environment names the target, for the arguments are libFuzzer's.
@c(LLVMFuzzerInitialize)
public func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
  guard let chosen = ProcessInfo.processInfo.environment["EROFS_FUZZ_TARGET"].flatMap(makeTarget) else {
    print("EROFS_FUZZ_TARGET names no target; there are: \(targetNames.joined(separator: ", "))")
    exit(2)
  }
  target = chosen
  return 0
}

/// libFuzzer's call for each input; it brings its own `main`.
@c(LLVMFuzzerTestOneInput)
public func runOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: bytes, count: size))
  if case .violation(let what) = target?.run(input) { fatalError(what) }
  return 0
}

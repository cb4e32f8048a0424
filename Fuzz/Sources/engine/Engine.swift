// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import FuzzKit
import FuzzTargets

@_extern(c, "LLVMFuzzerRunDriver")
func runLibFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

nonisolated(unsafe) private var target: (any FuzzTarget)?

/// The same targets under libFuzzer: engine TARGET [options of libFuzzer]. SwiftPM gives `main` another name, so
/// libFuzzer is called and does not call.
@main
struct Engine {
  static func main() {
    guard CommandLine.arguments.count > 1, let chosen = makeTarget(CommandLine.arguments[1]) else {
      print("usage: engine \(targetNames.joined(separator: "|")) [options of libFuzzer] [corpus]")
      exit(2)
    }
    target = chosen
    var count = CommandLine.argc - 1
    var arguments = CommandLine.unsafeArgv + 1
    exit(
      runLibFuzzer(&count, &arguments) { bytes, size in
        let input = Array(UnsafeBufferPointer(start: bytes, count: size))
        if case .violation(let what) = target?.run(input) { fatalError(what) }
        return 0
      })
  }
}

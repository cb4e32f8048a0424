// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Machine
import _Volatile

/// The processor as a program sees it: how it ends, its memory, its stack.
public enum Board {
  /// Ends the machine and tells the host how it went: 0 for well, 1 ... 255 for what the program means by it.
  @inline(never)
  public static func exit(_ status: UInt8) -> Never {
    #if arch(arm)
      // SYS_EXIT_EXTENDED: ADP_Stopped_ApplicationExit, status.
      var parameters: (UInt32, UInt32) = (0x20026, UInt32(status))
      _ = withUnsafePointer(to: &parameters) { machine_semihosting(0x20, $0) }
    #else
      // The test device: 0x5555 passes, 0x3333 fails with the status above it.
      let finisher = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0x10_0000)
      finisher.store(status == 0 ? 0x5555 : UInt32(status) &<< 16 | 0x3333)
    #endif
    while true {}
  }

  /// RAM that nothing else uses, from the end of the variables on. Handing parts of it out is the program's business.
  public static var freeMemory: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: machine_free_memory(), count: machine_free_bytes())
  }

  /// The image that the program was linked with; empty where there is none.
  public static var linkedImage: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: machine_image(), count: machine_image_bytes())
  }

  /// Bytes of stack that have been in use since it was last painted.
  public static var stackUsed: Int { Int(machine_stack_used()) }

  /// Starts measuring anew.
  public static func paintStack() { machine_stack_paint() }

  /// Instructions so far; see `machine_instructions` for what that is worth.
  public static var instructions: UInt { machine_instructions() }

  /// Bytes of stack that there are.
  public static var stackSize: Int { Int(machine_stack_bytes()) }

  /// Bytes of variables.
  public static var variableBytes: Int { Int(machine_variable_bytes()) }
}

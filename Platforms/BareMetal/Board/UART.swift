// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import _Volatile

/// The board's serial port: polled, as it is after reset, at whatever speed the board's clock makes of it (emulated ports
/// have none).
///
/// Each board has the same three functions; which one is compiled is the processor's and BOARD_NRF51's choice.
#if arch(arm) && !BOARD_NRF51
  /// UART 0 of Arm's CMSDK, on the MPS2 boards.
  enum UART {
    #if BOARD_AN505
      private static var base: UInt { 0x5020_0000 }
    #else
      private static var base: UInt { 0x4000_4000 }
    #endif
    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
      VolatileMappedRegister<UInt32>(unsafeBitPattern: base + offset)
    }

    static func start() {
      // BAUDDIV must be at least 16; CTRL: transmit and receive.
      register(0x10).store(16)
      register(0x08).store(3)
    }

    static func write(_ byte: UInt8) {
      while register(0x04).load() & 1 != 0 {}
      register(0x00).store(UInt32(byte))
    }

    static func read() -> UInt8? {
      register(0x04).load() & 2 != 0 ? UInt8(truncatingIfNeeded: register(0x00).load()) : nil
    }
  }
#elseif arch(arm)
  /// The UART of Nordic's nRF51.
  enum UART {
    private static var base: UInt { 0x4000_2000 }
    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
      VolatileMappedRegister<UInt32>(unsafeBitPattern: base + offset)
    }

    static func start() {
      register(0x50C).store(24)  // PSELTXD: pin 24
      register(0x514).store(25)  // PSELRXD: pin 25
      register(0x500).store(4)  // ENABLE
      register(0x000).store(1)  // STARTRX
      register(0x008).store(1)  // STARTTX
    }

    static func write(_ byte: UInt8) {
      register(0x11C).store(0)  // TXDRDY
      register(0x51C).store(UInt32(byte))
      while register(0x11C).load() == 0 {}
    }

    static func read() -> UInt8? {
      guard register(0x108).load() != 0 else { return nil }
      register(0x108).store(0)  // RXDRDY
      return UInt8(truncatingIfNeeded: register(0x518).load())
    }
  }
#else
  /// A 16550, on QEMU's virt board.
  enum UART {
    private static var base: UInt { 0x1000_0000 }
    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt8> {
      VolatileMappedRegister<UInt8>(unsafeBitPattern: base + offset)
    }

    static func start() {
      // LCR: 8 bits, no parity. The queues stay off: switching them on would drop what has come in already.
      register(3).store(3)
    }

    static func write(_ byte: UInt8) {
      while register(5).load() & 0x20 == 0 {}
      register(0).store(byte)
    }

    static func read() -> UInt8? { register(5).load() & 1 != 0 ? register(0).load() : nil }
  }
#endif

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(MachineInC)
  private import MachineInC
#endif

/// Properties of the machine that this is compiled for: the only place that looks at the compiler's conditions.
///
/// Decoders have up to three forms. "Small" machines have 32-bit words, and firmware for others that defines
/// `EROFS_SMALL`: there text is dearer than time. On the others, which have 64-bit words, time is dearer; and of these
/// some also load words at any address, so that their copies are wide:
///
///                        isSmall   copiesWide   loadsAnyWord
///     x86-64, arm64        no         yes            -
///     riscv64              no         no             no
///     ARMv7-M              yes        no             yes
///     ARMv6-M, riscv32     yes        no             no
///
/// `EROFS_SMALL` on x86-64 or arm64 makes an ARMv7-M of it, which is how a host tests those forms. Whether memory is
/// scattered over frames is not a property of the machine: see `FramePlacement`.
///
/// Where Core becomes C, the compiler of the C knows more of the machine: then two of the answers are calls, which it
/// resolves. With them a small machine may have one form more, which `copiesWords`.
enum Machine {
  /// Whether text is dearer than time.
  #if _pointerBitWidth(_64) && !EROFS_SMALL
    @inline(__always) static var isSmall: Bool { false }
  #else
    @inline(__always) static var isSmall: Bool { true }
  #endif

  /// Whether copies go by 16 bytes, and may run over their end. Elsewhere the compiler would take each word apart into
  /// bytes and shifts (riscv64 among them), or text is dearer than time.
  #if (arch(x86_64) || arch(arm64)) && !EROFS_SMALL
    @inline(__always) static var copiesWide: Bool { true }
  #else
    @inline(__always) static var copiesWide: Bool { false }
  #endif

  /// Whether bits that no branch predictor can guess are decoded with conditional moves instead of a branch. Those are
  /// the machines with wide copies too. It takes text: elsewhere every bit is a branch.
  @inline(__always) static var selectsBits: Bool { copiesWide }

  /// Whether a machine without wide copies loads and stores words of 4 bytes at any address. ARMv7-M does; its wider
  /// atomics are the only difference from ARMv6-M that the compiler's conditions show.
  #if canImport(MachineInC)
    @inline(__always) static var loadsAnyWord: Bool { erofs_loads_any_word() != 0 }
  #elseif (arch(arm) && _hasAtomicBitWidth(_64)) || ((arch(x86_64) || arch(arm64)) && EROFS_SMALL)
    @inline(__always) static var loadsAnyWord: Bool { true }
  #else
    @inline(__always) static var loadsAnyWord: Bool { false }
  #endif

  /// Whether a small machine copies by words of 4 bytes that may run over the end of a copy, which takes text: in C that is
  /// compiled for speed. A host that tests the small forms does it for every other number of stored bytes, and so tries both.
  @inline(__always) static func copiesWords(storedBytes: Int) -> Bool {
    #if canImport(MachineInC)
      erofs_favours_time() != 0 && erofs_loads_any_word() != 0
    #elseif (arch(x86_64) || arch(arm64)) && EROFS_SMALL
      storedBytes & 1 != 0
    #else
      false
    #endif
  }

  /// Bits and bytes of a register; 64 and 8 also in the small form of a 64-bit machine.
  @inline(__always) static var wordBits: Int { UInt.bitWidth }
  @inline(__always) static var wordBytes: Int { UInt.bitWidth / 8 }
}

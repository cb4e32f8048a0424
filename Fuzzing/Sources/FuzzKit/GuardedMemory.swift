// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Contiguous memory between two pages that nobody may touch: an access one byte outside is a fault, at no cost.
public final class GuardedMemory {
  private static let page = 4096
  private let region: UnsafeMutableRawPointer
  private let room: Int

  /// - Parameter capacity: the most bytes that will be asked for.
  public init(capacity: Int) {
    room = (capacity + Self.page - 1) / Self.page * Self.page
    region = mmap(nil, room + 2 * Self.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(region != MAP_FAILED, "no address space")
    precondition(mprotect(region + Self.page, room, PROT_READ | PROT_WRITE) == 0)
  }

  deinit { munmap(region, room + 2 * Self.page) }

  /// `count` bytes that end where the guard begins, or that begin where the other one ends.
  ///
  /// - Parameter alignment: of their start; where they lie at the end, up to `alignment - 1` bytes follow them.
  public func bytes(_ count: Int, atEnd: Bool, alignment: Int = 1) -> UnsafeMutableRawBufferPointer {
    precondition(count <= room)
    let start = atEnd ? (room - count) / alignment * alignment : 0
    return UnsafeMutableRawBufferPointer(start: region + Self.page + start, count: count)
  }
}

/// Page frames in mixed order. Frames of 512 bytes and more lie at one end of a page of their own between two pages that
/// nobody may touch; smaller ones have bytes around them that are looked at.
public final class GuardedFrames {
  private static let page = 4096
  private static let canaries = 16
  private static let canary: UInt8 = 0xC3
  public static let mostFrames = 1024
  private let guarded: UnsafeMutableRawPointer
  private let small: UnsafeMutablePointer<UInt8>
  private let smallSize = 1024 * (256 + 16) + 16
  /// The addresses of the frames that were set up last.
  public let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
  public private(set) var shift = 12
  private var count = 0
  private var isIntact = true

  public init() {
    let size = (2 * Self.mostFrames + 1) * Self.page
    guarded = mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    precondition(guarded != MAP_FAILED, "no address space")
    for i in 0..<Self.mostFrames {
      precondition(mprotect(guarded + (2 * i + 1) * Self.page, Self.page, PROT_READ | PROT_WRITE) == 0)
    }
    small = .allocate(capacity: smallSize)
    small.initialize(repeating: Self.canary, count: smallSize)
    table = .allocate(capacity: Self.mostFrames)
  }

  deinit {
    munmap(guarded, (2 * Self.mostFrames + 1) * Self.page)
    small.deallocate()
    table.deallocate()
  }

  /// Sets up frames for `bytes` bytes, of `1 << shift` or, where that would be too many, of the next size that is not.
  ///
  /// - Parameter salt: picks the order, and at which end of its page each frame lies.
  public func setUp(bytes: Int, shift wanted: Int, salt: Int) {
    // Frames of another size will lie elsewhere.
    checkCanaries()
    shift = min(max(wanted, 0), 12)
    while bytes > Self.mostFrames << shift { shift += 1 }
    count = max(1, (bytes + (1 << shift) - 1) >> shift)
    let size = 1 << shift
    for i in 0..<count {
      // 641 and the number of frames have no common factor, so every slot is used once.
      let slot = (i * 641 + salt) & (Self.mostFrames - 1)
      if shift >= 9 {
        let page = guarded + (2 * slot + 1) * Self.page
        (table + i).initialize(to: (slot + salt) & 2 == 0 ? page + (Self.page - size) : page)
      } else {
        (table + i).initialize(to: small + (slot * (size + Self.canaries) + Self.canaries))
      }
    }
  }

  /// Whether nothing was written around small frames since this was asked last. For large ones the processor watches.
  public func canariesAreIntact() -> Bool {
    checkCanaries()
    defer { isIntact = true }
    return isIntact
  }

  private func checkCanaries() {
    guard shift < 9 else { return }
    let size = 1 << shift
    var isBroken = false
    for i in 0..<count {
      let frame = table[i].assumingMemoryBound(to: UInt8.self)
      for j in 1...Self.canaries where frame[-j] != Self.canary || frame[size + j - 1] != Self.canary {
        isBroken = true
      }
    }
    for i in 0..<count { table[i].initializeMemory(as: UInt8.self, repeating: Self.canary, count: size) }
    count = 0
    guard isBroken else { return }
    isIntact = false
    small.update(repeating: Self.canary, count: smallSize)
  }
}

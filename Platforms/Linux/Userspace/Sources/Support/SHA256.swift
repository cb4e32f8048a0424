// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// SHA-256, as FIPS 180-4 has it.
struct SHA256 {
  private var state: InlineArray<8, UInt32> = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var block = InlineArray<64, UInt8>(repeating: 0)
  private var used = 0
  private var length: UInt64 = 0

  @inline(never)
  mutating func update(_ text: Text) {
    length &+= UInt64(text.count)
    for i in 0..<text.count {
      block[used] = text.start[i]
      used &+= 1
      if used == 64 { compress() }
    }
  }

  /// The digest's words; nothing can be added afterwards.
  @inline(never)
  mutating func finish() -> InlineArray<8, UInt32> {
    let bits = length &<< 3
    block[used] = 0x80
    used &+= 1
    if used > 56 {
      while used < 64 {
        block[used] = 0
        used &+= 1
      }
      compress()
    }
    while used < 56 {
      block[used] = 0
      used &+= 1
    }
    for i in 0..<8 { block[56 + i] = UInt8(truncatingIfNeeded: bits &>> UInt64(56 - 8 * i)) }
    compress()
    return state
  }

  @inline(never)
  private mutating func compress() {
    used = 0
    var w = InlineArray<64, UInt32>(repeating: 0)
    for i in 0..<16 {
      let at = 4 &* i
      w[i] =
        UInt32(block[at]) &<< 24 | UInt32(block[at &+ 1]) &<< 16 | UInt32(block[at &+ 2]) &<< 8
        | UInt32(block[at &+ 3])
    }
    for i in 16..<64 {
      let a = w[i &- 15], b = w[i &- 2]
      let s0 = rotate(a, 7) ^ rotate(a, 18) ^ a &>> 3
      let s1 = rotate(b, 17) ^ rotate(b, 19) ^ b &>> 10
      w[i] = w[i &- 16] &+ s0 &+ w[i &- 7] &+ s1
    }
    var a = state[0], b = state[1], c = state[2], d = state[3]
    var e = state[4], f = state[5], g = state[6], h = state[7]
    for i in 0..<64 {
      let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ roundConstants[i] &+ w[i]
      let t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ ((a & b) ^ (a & c) ^ (b & c))
      h = g
      g = f
      f = e
      e = d &+ t1
      d = c
      c = b
      b = a
      a = t1 &+ t2
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
    state[4] &+= e
    state[5] &+= f
    state[6] &+= g
    state[7] &+= h
  }
}

@inline(__always)
private func rotate(_ value: UInt32, _ by: UInt32) -> UInt32 { value &>> by | value &<< (32 &- by) }

private let roundConstants: InlineArray<64, UInt32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

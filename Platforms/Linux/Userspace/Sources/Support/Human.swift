// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A size in the unit that makes it short, rounded up: 999, 1.5K, 22M.
private struct Human {
  var number: UInt64
  var tenth: UInt64?
  var unit: UInt8?

  @inline(never)
  init(_ size: UInt64) {
    number = size
    var shift: UInt64 = 0
    var index = -1
    while size &>> shift >= 1024, shift < 60 {
      shift += 10
      index &+= 1
    }
    if shift == 0 { return }
    let mask: UInt64 = 1 &<< shift &- 1
    let rest = size & mask
    number = size &>> shift
    var tenths = number &* 10 &+ (rest &* 10 &+ mask) &>> shift
    if tenths < 100 {
      tenth = UInt64(divide(&tenths, by: 10))
      number = tenths
    } else if rest != 0 {
      number &+= 1
      if number == 1024, index < 5 {
        number = 1
        tenth = 0
        index &+= 1
      }
    }
    unit = Text("KMGTPE")[index]
  }
}

@inline(never)
func humanWidth(_ size: UInt64) -> Int {
  let human = Human(size)
  return digitCount(human.number) + (human.tenth == nil ? 0 : 2) + (human.unit == nil ? 0 : 1)
}

extension Output {
  @inline(never)
  mutating func human(_ size: UInt64, width: Int = 0) {
    let human = Human(size)
    pad(width - humanWidth(size))
    decimal(human.number)
    if let tenth = human.tenth {
      put(46)
      decimal(tenth)
    }
    if let unit = human.unit { put(unit) }
  }
}

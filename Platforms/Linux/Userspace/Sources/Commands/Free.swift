// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private var known: Literal {
  "MemTotal:    MemFree:     MemAvailable:Shmem:       Buffers:     Cached:      SReclaimable:SwapTotal:   SwapFree:    "
}

/// free [-bkmh]
func free(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "bkmh") else { return }
  let shift: UInt64 = options.has("h") ? 64 : options.has("b") ? 0 : options.has("m") ? 20 : 10
  guard let descriptor = program.open(Literal("/proc/meminfo").start) else { return }
  var lines = Lines(descriptor)
  // In kilobytes.
  var sizes = InlineArray<9, Int>(repeating: 0)
  while let line = lines.next() {
    var words = Words(line)
    guard let name = words.next(), let number = words.next()?.number,
      let place = index(of: name, in: known, width: 13)
    else { continue }
    sizes[place] = number
  }
  close(descriptor)
  program.out.put("               total        used        free      shared  buff/cache   available\nMem:    ")
  // What can be given up at once counts as not used.
  let cached = sizes[4] &+ sizes[5] &+ sizes[6]
  let used = sizes[0] &- sizes[1] &- cached
  let shown: InlineArray<9, Int> = [
    sizes[0], used < 0 ? 0 : used, sizes[1], sizes[3], cached, sizes[2], sizes[7], sizes[7] &- sizes[8], sizes[8],
  ]
  for i in 0..<9 {
    if i == 6 { program.out.put("\nSwap:   ") }
    program.out.column(shown[i], shift)
  }
  program.out.newline()
}

extension Output {
  /// A size, divided by a power of two; 64 stands for the unit that makes it short.
  @inline(never)
  fileprivate mutating func column(_ kilobytes: Int, _ shift: UInt64) {
    let size = UInt64(kilobytes) &<< 10
    if shift == 64 { human(size, width: 12) } else { decimal(size &>> shift, width: 12) }
  }
}

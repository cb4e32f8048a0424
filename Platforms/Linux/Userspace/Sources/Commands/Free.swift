// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// free [-bkmh]
func free(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "bkmh") else { return }
  let shift: UInt64 = options.has("h") ? 64 : options.has("b") ? 0 : options.has("m") ? 20 : 10
  guard let descriptor = program.open(Literal("/proc/meminfo").start) else { return }
  var lines = Lines(descriptor)
  var total: UInt64 = 0, free: UInt64 = 0, available: UInt64 = 0, shared: UInt64 = 0, cached: UInt64 = 0
  var swapTotal: UInt64 = 0, swapFree: UInt64 = 0
  while let line = lines.next() {
    var words = Words(line)
    guard let name = words.next(), let number = words.next()?.wideNumber else { continue }
    let size = UInt64(number) << 10
    if name.is("MemTotal:") { total = size }
    if name.is("MemFree:") { free = size }
    if name.is("MemAvailable:") { available = size }
    if name.is("Buffers:") || name.is("Cached:") || name.is("SReclaimable:") { cached += size }
    if name.is("Shmem:") { shared = size }
    if name.is("SwapTotal:") { swapTotal = size }
    if name.is("SwapFree:") { swapFree = size }
  }
  close(descriptor)
  let other = free &+ cached
  program.out.put("               total        used        free      shared  buff/cache   available\nMem:    ")
  program.out.column(total, shift)
  program.out.column(total > other ? total - other : 0, shift)
  program.out.column(free, shift)
  program.out.column(shared, shift)
  program.out.column(cached, shift)
  program.out.column(available, shift)
  program.out.put("\nSwap:   ")
  program.out.column(swapTotal, shift)
  program.out.column(swapTotal > swapFree ? swapTotal - swapFree : 0, shift)
  program.out.column(swapFree, shift)
  program.out.newline()
}

extension Output {
  /// A size, divided by a power of two; 64 stands for the unit that makes it short.
  @inline(never)
  fileprivate mutating func column(_ size: UInt64, _ shift: UInt64) {
    if shift == 64 { human(size, width: 12) } else { decimal(size &>> shift, width: 12) }
  }
}

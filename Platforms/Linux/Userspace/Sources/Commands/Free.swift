// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// free [-bkmh]
func free(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "bkmh") else { return }
  let shift: UInt64 = options.has("b") ? 0 : options.has("m") ? 20 : 10
  let human = options.has("h")
  guard let descriptor = program.open(Text("/proc/meminfo").start.mutable) else { return }
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
  func column(_ size: UInt64, _ out: inout Output) {
    if human { out.human(size, width: 12) } else { out.decimal(size >> shift, width: 12) }
  }
  let other = free &+ cached
  program.out.put("               total        used        free      shared  buff/cache   available\nMem:    ")
  column(total, &program.out)
  column(total > other ? total - other : 0, &program.out)
  column(free, &program.out)
  column(shared, &program.out)
  column(cached, &program.out)
  column(available, &program.out)
  program.out.put("\nSwap:   ")
  column(swapTotal, &program.out)
  column(swapTotal > swapFree ? swapTotal - swapFree : 0, &program.out)
  column(swapFree, &program.out)
  program.out.newline()
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine
import TestSupport

@testable import PageVectors

/// Pages of a machine beside what they would hold if all mappings really shared them.
///
/// The model gives a byte to one writer at a time, and hands it from one address to another only where ``VirtualMap``
/// promises that this is seen: with an event of the page that began after the last write and ended before the next
/// access. Everything but the calls of the map runs under the model's lock.
final class SharedPagesModel: @unchecked Sendable {
  /// The address through which a byte was written last: its page's own, or the copy of a mapping.
  enum Place: Equatable, Sendable {
    case page
    case copy(Int)
  }

  struct Byte {
    var value: UInt8
    var place = Place.page
    var time = 0
  }

  struct State {
    var bytes: [[Byte]]
    /// For each page, when the newest event that has ended began.
    var events: [Int]
    var clock = 0
    var mappings = 0
    /// Reads that saw something else than sharing shows.
    var wrongReads = 0
    var reads = 0
    var handOvers = 0
  }

  struct Mapping: @unchecked Sendable {
    var address: UnsafeMutableRawPointer
    var pages: [Int]
    var place: Place
    var mode: VirtualMapMode
  }

  let machine: NoMMUMachine
  let map: VirtualMap<NoMMUMachine>
  let pages: MachinePages
  private let lock = MachineLock()
  private var state: State
  let watchesReads: Bool

  /// - Parameter values: what the pages hold at first, at random.
  init(
    pages count: Int, pageSize: Int, ram: Int = 1 << 20, fragmentation: Fragmentation, seed: UInt64,
    values: ClosedRange<UInt8> = 0...3, watchesReads: Bool = true, checked: Bool = false
  ) {
    machine = NoMMUMachine(ram: ram, pageSize: pageSize, fragmentation: fragmentation, seed: seed)!
    map = machine.virtualMap(checked: checked)
    pages = machine.allocatePages(count)!
    self.watchesReads = watchesReads
    var generator = SplitMix64(seed: seed)
    let bytes = (0..<count).map { _ in (0..<pageSize).map { _ in Byte(value: .random(in: values, using: &generator)) } }
    for page in 0..<count {
      for i in 0..<pageSize { pages.vector.set(bytes[page][i].value, at: page * pageSize + i) }
    }
    state = State(bytes: bytes, events: Array(repeating: 0, count: count))
  }

  /// A lock that the thread sanitizer knows, which it does not `Mutex`.
  func withState<Result>(_ body: (inout State) -> Result) -> Result { lock.withLock { body(&state) } }

  private func frame(_ page: Int) -> UnsafeMutableRawPointer { machine.address(of: pages.frames[page]) }

  /// Runs `call`, which is an event of `pages`.
  private func event<Result>(of pages: [Int], _ call: () -> Result) -> Result {
    let began = withState { state in
      state.clock += 1
      return state.clock
    }
    let result = call()
    withState { state in
      for page in pages { state.events[page] = max(state.events[page], began) }
    }
    return result
  }

  func makeMapping(_ list: [Int], _ mode: VirtualMapMode) -> Mapping? {
    var handles = list.map { pages.frames[$0] }
    guard let address = event(of: list, { map.map(handles.span, mode: mode) }) else { return nil }
    // The list is the caller's again.
    for i in handles.indices { handles[i] = pages.frames[0] }
    let isDirect = address == frame(list[0])
    return withState { state in
      state.mappings += 1
      return Mapping(address: address, pages: list, place: isDirect ? .page : .copy(state.mappings), mode: mode)
    }
  }

  func undo(_ mapping: Mapping) -> Bool { event(of: mapping.pages) { map.unmap(mapping.address) } }

  func synchronize(_ mapping: Mapping) -> Bool { event(of: mapping.pages) { map.synchronize(mapping.address) } }

  private func mayUse(_ byte: Byte, _ page: Int, from place: Place, _ state: State) -> Bool {
    byte.place == place || state.events[page] > byte.time
  }

  /// Writes `values` at `offset` of the page at `index` of the mapping's list, or nowhere if not mapped but in the page
  /// itself; bytes that are not this writer's to have are left out. Returns how many were written.
  @discardableResult
  func write(_ values: [UInt8], at offset: Int, ofPage page: Int, through mapping: Mapping?) -> Int {
    let (start, place) = location(page, mapping)
    return withState { state in
      var written = 0
      for (i, value) in values.enumerated() where offset + i < machine.pageSize {
        let byte = state.bytes[page][offset + i]
        guard mayUse(byte, page, from: place, state) else { continue }
        if byte.place != place { state.handOvers += 1 }
        state.clock += 1
        state.bytes[page][offset + i] = Byte(value: value, place: place, time: state.clock)
        storeSharedByte(value, start, at: offset + i)
        written += 1
      }
      return written
    }
  }

  /// Reads what this reader may, and counts what is not as sharing has it.
  func read(_ range: Range<Int>, ofPage page: Int, through mapping: Mapping?) {
    guard watchesReads else { return }
    let (start, place) = location(page, mapping)
    withState { state in
      for i in range where i < machine.pageSize {
        let byte = state.bytes[page][i]
        guard mayUse(byte, page, from: place, state) else { continue }
        state.reads += 1
        if loadSharedByte(start, at: i) != byte.value { state.wrongReads += 1 }
      }
    }
  }

  private func location(_ page: Int, _ mapping: Mapping?) -> (UnsafeMutableRawPointer, Place) {
    guard let mapping, let index = mapping.pages.firstIndex(of: page) else { return (frame(page), .page) }
    return (mapping.address + index * machine.pageSize, mapping.place)
  }

  /// Bytes of the pages that are not what sharing would have left. All mappings are undone.
  var wrongBytes: Int {
    withState { state in
      var wrong = 0
      for page in state.bytes.indices {
        for i in 0..<machine.pageSize where loadSharedByte(frame(page), at: i) != state.bytes[page][i].value {
          wrong += 1
        }
      }
      return wrong
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What a ``VirtualMap`` knows: all mappings, all pages that there are copies of, and counts. It belongs in a place that
/// does not move, such as a global, and is empty when made.
@safe
public struct VirtualMapState: ~Copyable {
  var mappings = AddressTable()
  var pages = AddressTable()
  var statistics = VirtualMapStatistics()
  /// The addresses unmapped last, the oldest at `nextUnmapped`; 0 where there is none.
  private var unmapped = InlineArray<32, UInt>(repeating: 0)
  private var nextUnmapped = 0

  public init() {}

  var currentStatistics: VirtualMapStatistics {
    var current = statistics
    current.lookups = mappings.lookups &+ pages.lookups
    current.probes = mappings.probes &+ pages.probes
    return current
  }

  // MARK: Mappings

  mutating func mapping(at address: UnsafeRawPointer) -> UnsafeMutablePointer<Mapping>? {
    guard let node = unsafe mappings.find(UInt(bitPattern: address)) else { return nil }
    return unsafe UnsafeMutableRawPointer(node).assumingMemoryBound(to: Mapping.self)
  }

  /// A direct mapping at `address`. (Somebody may map the pages of a bounce buffer; then there are two.)
  mutating func directMapping(at address: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Mapping>? {
    let key = UInt(bitPattern: address)
    var node = unsafe mappings.find(key)
    while let candidate = unsafe node {
      let mapping = unsafe UnsafeMutableRawPointer(candidate).assumingMemoryBound(to: Mapping.self)
      if unsafe candidate.pointee.key == key && mapping.pointee.isDirect { return unsafe mapping }
      unsafe node = candidate.pointee.next
    }
    return nil
  }

  /// - Parameter isChecked: whether addresses are remembered when they are unmapped, so that a second time is reported.
  mutating func insert(_ mapping: UnsafeMutablePointer<Mapping>, isChecked: Bool) {
    let node = unsafe UnsafeMutableRawPointer(mapping).assumingMemoryBound(to: AddressNode.self)
    unsafe mappings.insert(node)
    guard isChecked else { return }
    let key = unsafe node.pointee.key
    var recent = unmapped.mutableSpan
    for i in 0..<recent.count where recent[i] == key { recent[i] = 0 }
  }

  mutating func remove(_ mapping: UnsafeMutablePointer<Mapping>, isChecked: Bool) {
    let node = unsafe UnsafeMutableRawPointer(mapping).assumingMemoryBound(to: AddressNode.self)
    unsafe mappings.remove(node)
    guard isChecked else { return }
    var recent = unmapped.mutableSpan
    recent[nextUnmapped & 31] = unsafe node.pointee.key
    nextUnmapped = (nextUnmapped &+ 1) & 31
  }

  /// Whether `address` is among the last 32 that were unmapped, and was not mapped since.
  func wasUnmapped(_ address: UnsafeRawPointer) -> Bool {
    let key = UInt(bitPattern: address)
    let recent = unmapped.span
    for i in 0..<recent.count where recent[i] == key && key != 0 { return true }
    return false
  }

  var anyMapping: UnsafeMutablePointer<Mapping>? {
    guard let node = unsafe mappings.first() else { return nil }
    return unsafe UnsafeMutableRawPointer(node).assumingMemoryBound(to: Mapping.self)
  }

  /// Whether a direct mapping covers the page at `frame`. It looks at all mappings.
  func isMappedDirectly(_ frame: UnsafeMutableRawPointer, pageSize: Int) -> Bool {
    let page = UInt(bitPattern: frame)
    return unsafe mappings.contains { node in
      let mapping = unsafe UnsafeMutableRawPointer(node).assumingMemoryBound(to: Mapping.self)
      guard unsafe mapping.pointee.isDirect else { return false }
      return unsafe page >= node.pointee.key
        && page &- node.pointee.key < UInt(truncatingIfNeeded: mapping.pointee.count &* pageSize)
    }
  }

  // MARK: Pages

  mutating func page(at frame: UnsafeMutableRawPointer) -> UnsafeMutablePointer<SharedPage>? {
    guard let node = unsafe pages.find(UInt(bitPattern: frame)) else { return nil }
    return unsafe UnsafeMutableRawPointer(node).assumingMemoryBound(to: SharedPage.self)
  }

  mutating func insert(_ page: UnsafeMutablePointer<SharedPage>) {
    unsafe pages.insert(UnsafeMutableRawPointer(page).assumingMemoryBound(to: AddressNode.self))
  }

  mutating func remove(_ page: UnsafeMutablePointer<SharedPage>) {
    unsafe pages.remove(UnsafeMutableRawPointer(page).assumingMemoryBound(to: AddressNode.self))
  }
}

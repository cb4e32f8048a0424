// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUVmapC
import PageVectors

/// What ``VirtualMap`` needs from Linux; mm/nommu_vmap.c has the functions.
private struct Linux: @unsafe VirtualMapPlatform {
  /// `struct page *`, which C imports as a pointer to a type that nobody here looks into.
  typealias Page = OpaquePointer

  var pageShift: Int { nommu_vmap_page_shift() }
  func address(of page: OpaquePointer) -> UnsafeMutableRawPointer { unsafe nommu_vmap_address(page) }
  func allocateRun(pages count: Int) -> UnsafeMutableRawPointer? { unsafe nommu_vmap_allocate_run(count) }
  func freeRun(_ start: UnsafeMutableRawPointer, pages count: Int) { unsafe nommu_vmap_free_run(start, count) }
  func allocateRecord(bytes: Int) -> UnsafeMutableRawPointer? { unsafe nommu_vmap_allocate_record(bytes) }
  func freeRecord(_ start: UnsafeMutableRawPointer, bytes: Int) { unsafe nommu_vmap_free_record(start) }
  func lock() { nommu_vmap_lock() }
  func unlock() { nommu_vmap_unlock() }

  func report(_ finding: VirtualMapFinding) {
    switch finding {
    case .unknownAddress(let address): nommu_vmap_warn_unknown(address)
    case .wrongPageCount(let address, let mapped, let unmapped): nommu_vmap_warn_count(address, mapped, unmapped)
    // Only checked maps, and only the end of a map, find the others.
    default: break
    }
  }
}

nonisolated(unsafe) private var state = VirtualMapState()

private func withMap<Result>(_ body: (VirtualMap<Linux>) -> Result) -> Result {
  unsafe withUnsafeMutablePointer(to: &state) { unsafe body(VirtualMap(Linux(), unsafeState: $0)) }
}

@c(nommu_vmap_map)
public func map(
  _ pages: UnsafePointer<OpaquePointer>, _ count: Int, _ mode: CInt
) -> UnsafeMutableRawPointer? {
  guard count > 0 else { return nil }
  let mode: VirtualMapMode =
    switch UInt32(bitPattern: mode) {
    case NOMMU_VMAP_COPY_BACK.rawValue: .copyBack
    case NOMMU_VMAP_READ_ONLY.rawValue: .readOnly
    default: .mergeBack
    }
  let list = unsafe Span(_unsafeStart: pages, count: count)
  return unsafe withMap { $0.map(list, mode: mode) }
}

@c(nommu_vmap_unmap)
public func unmap(_ address: UnsafeRawPointer, _ pages: Int) {
  _ = withMap { unsafe pages < 0 ? $0.unmap(address) : $0.unmapRAM(address, pages: pages) }
}

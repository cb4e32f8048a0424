// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine
import PageVectors
import Testing

/// Small scripts of several actors in every order in which their steps can follow each other.
@Suite struct VirtualMapInterleavingTests {
  enum Step: Sendable {
    case map([Int], VirtualMapMode)
    case unmap
    case synchronize
    /// Through the actor's mapping, or, where it has none, in the page itself. What is not the actor's to write at that
    /// moment (``SharedPagesModel``) is left out.
    case write(page: Int, offset: Int, [UInt8])
    case read(page: Int)
  }

  struct Script: Sendable, CustomTestStringConvertible {
    var name: String
    var actors: [[Step]]
    var orders: Int
    var testDescription: String { name }
  }

  /// Pages 0, 1 and 2 are neighbours and hold zeros. Some writes give a byte its old value, some fill whole words.
  static let scripts: [Script] = [
    Script(
      name: "two copies, one page in common",
      actors: [
        [
          .map([2, 0], .mergeBack), .write(page: 0, offset: 3, [1]), .write(page: 0, offset: 4, [2, 2]), .synchronize,
          .read(page: 0), .unmap,
        ],
        [
          .map([0, 2, 1], .mergeBack), .write(page: 0, offset: 3, [0]), .write(page: 0, offset: 5, [3]), .read(page: 0),
          .write(page: 0, offset: 3, [1]), .unmap,
        ],
      ], orders: 924),
    Script(
      name: "two copies and somebody without a mapping",
      actors: [
        [.map([2, 0], .mergeBack), .write(page: 0, offset: 3, [1, 1]), .write(page: 0, offset: 4, [2]), .unmap],
        [.map([1, 0], .mergeBack), .write(page: 0, offset: 4, [0]), .write(page: 0, offset: 3, [0]), .unmap],
        [.write(page: 0, offset: 2, [7, 7]), .write(page: 0, offset: 3, [0, 0])],
      ], orders: 3150),
    Script(
      name: "three copies",
      actors: [
        [.map([2, 0], .mergeBack), .write(page: 0, offset: 0, [1, 1, 1, 1, 1, 1, 1, 1]), .unmap],
        [.map([1, 0], .mergeBack), .write(page: 0, offset: 4, [2, 2, 2, 2, 2, 2, 2, 2]), .unmap],
        [.map([0, 2], .mergeBack), .write(page: 0, offset: 0, [0, 0, 0, 0, 3, 3, 0, 0]), .unmap],
      ], orders: 1680),
    Script(
      name: "a direct mapping, a copy, a reader",
      actors: [
        [
          .map([0, 1], .mergeBack), .write(page: 0, offset: 0, [1, 1, 1]), .write(page: 1, offset: 0, [0, 4]), .unmap,
        ],
        [.map([1, 0], .mergeBack), .write(page: 0, offset: 2, [0, 2]), .write(page: 1, offset: 0, [5, 0]), .unmap],
        [.map([2, 0, 1], .readOnly), .read(page: 0), .unmap],
      ], orders: 11550),
    Script(
      name: "readers before and after a copy",
      actors: [
        [.map([0, 2], .readOnly), .read(page: 0), .unmap, .write(page: 0, offset: 1, [6])],
        [.map([2, 0], .mergeBack), .write(page: 0, offset: 1, [1]), .unmap],
        [.map([1, 0], .readOnly), .read(page: 0), .unmap],
      ], orders: 4200),
  ]

  /// Calls `body` with every order: at each place, whose step is next.
  static func forEachOrder(_ lengths: [Int], _ body: ([Int]) -> Void) {
    var left = lengths
    var order: [Int] = []
    func extend() {
      guard left.contains(where: { $0 > 0 }) else { return body(order) }
      for actor in left.indices where left[actor] > 0 {
        left[actor] -= 1
        order.append(actor)
        extend()
        order.removeLast()
        left[actor] += 1
      }
    }
    extend()
  }

  static func play(_ script: Script, order: [Int], mode: VirtualMapMode?) -> SharedPagesModel {
    let model = SharedPagesModel(
      pages: 3, pageSize: 32, ram: 32 * 40, fragmentation: .none, seed: 1, values: 0...0, watchesReads: mode == nil)
    var next = script.actors.map { _ in 0 }
    var mappings: [SharedPagesModel.Mapping?] = script.actors.map { _ in nil }
    for actor in order {
      switch script.actors[actor][next[actor]] {
      case .map(let list, let asked):
        mappings[actor] = model.makeMapping(list, mode ?? asked)
        #expect(mappings[actor] != nil)
      case .unmap:
        if let mapping = mappings[actor] { #expect(model.undo(mapping)) }
        mappings[actor] = nil
      case .synchronize:
        if let mapping = mappings[actor] { #expect(model.synchronize(mapping)) }
      case .write(let page, let offset, let values):
        model.write(values, at: offset, ofPage: page, through: mappings[actor])
      case .read(let page):
        model.read(0..<8, ofPage: page, through: mappings[actor])
      }
      next[actor] += 1
    }
    #expect(model.map.end() == 0)
    return model
  }

  @Test(arguments: scripts)
  func everyOrderIsAsShared(script: Script) {
    var orders = 0
    var handOvers = 0
    Self.forEachOrder(script.actors.map(\.count)) { order in
      let model = Self.play(script, order: order, mode: nil)
      let (wrongReads, changes) = model.withState { ($0.wrongReads, $0.handOvers) }
      if model.wrongBytes != 0 || wrongReads != 0 || model.machine.statistics.framesInUse != 3 {
        Issue.record("in the order \(order)")
      }
      orders += 1
      handOvers += changes
    }
    #expect(orders == script.orders)
    #expect(handOvers > 0)
  }

  /// Copying back whole pages is wrong in some order of each script in which two mappings write.
  @Test(arguments: scripts.prefix(4))
  func someOrderOfCopyingBackIsWrong(script: Script) {
    var wrong = 0
    var orders = 0
    Self.forEachOrder(script.actors.map(\.count)) { order in
      // Enough of the long ones.
      if orders < 1000, Self.play(script, order: order, mode: .copyBack).wrongBytes > 0 { wrong += 1 }
      orders += 1
    }
    #expect(wrong > 0)
  }
}

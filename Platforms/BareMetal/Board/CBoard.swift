// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The board for programs in C.

@c(board_start)
public func boardStart() { Console.start() }

@c(board_write)
public func boardWrite(_ bytes: UnsafeRawPointer?, _ count: Int) {
  Console.write(bytes: UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
}

@c(board_exit)
public func boardExit(_ status: UInt8) -> Never { Board.exit(status) }

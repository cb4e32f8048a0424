// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import PageVectors

/// Writes the file at a path of an image to standard output: consumer IMAGE PATH. Status 2: the image needs a codec that
/// this program does not have, whose name is on standard error then.
func memory(_ count: Int) -> UnsafeMutableRawBufferPointer { .allocate(byteCount: max(count, 16), alignment: 4096) }

let image = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
let bytes = memory(image.count)
image.copyBytes(to: bytes)
let storage = MemoryStorage(PageVector(unsafeContiguous: UnsafeRawBufferPointer(bytes)))
do throws(EROFSError) {
  let superblock = try Superblock(reading: storage)
  let plan = MemoryPlan.maximum(for: superblock)
  let frames = MutablePageVector(unsafeContiguous: memory(plan.frameBytes))
  guard let room = ReaderMemory(for: plan, frames: frames, state: memory(plan.stateBytes)) else { exit(1) }
  var volume = Volume(storage, superblock: superblock, memory: room)
  let path = memory(4096)
  path.copyBytes(from: CommandLine.arguments[2].utf8)
  let name = PageVector(unsafeContiguous: UnsafeRawBufferPointer(path)).prefix(CommandLine.arguments[2].utf8.count)
  let inode = try volume.inode(at: name)
  let content = memory(Int(inode.size))
  let count = try volume.read(inode, at: 0, into: MutablePageVector(unsafeContiguous: content))
  FileHandle.standardOutput.write(Data(content[..<count]))
} catch .unsupported(.algorithm(let id), _) {
  FileHandle.standardError.write(Data("\(Algorithm(rawValue: id).map { "\($0)" } ?? "\(id)")\n".utf8))
  exit(2)
}

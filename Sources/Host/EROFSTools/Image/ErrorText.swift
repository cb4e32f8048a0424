// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import SystemPackage

extension EROFSError: CustomStringConvertible {
  /// What is wrong, at which byte, and what to do about it if anything can be done.
  public var description: String {
    switch self {
    case .corrupt(.magic, let position):
      "\(Defect.magic.explanation), at \(position); if the image starts later in the file, use --offset"
    case .corrupt(let defect, let position): "\(defect.explanation), at \(position)"
    // These have no position in the image.
    case .unsupported(.work, _): "\(Feature.work)"
    case .unsupported(.pathLength, _): "\(Feature.pathLength)"
    case .unsupported(let feature, let position): "\(feature), at \(position)"
    case .undecodable(let error, let algorithm, let position):
      "\(algorithm.name) data that starts at \(position) cannot be decoded: \(error)"
    case .storage(let error, let position): "reading \(position) failed: \(Errno(rawValue: error.code))"
    case .memory(let need, let bytes): "not enough memory for \(need.explanation): \(bytes.counting("byte")) needed"
    case .notFound: "no such file or directory in the image"
    case .notADirectory: "not a directory"
    case .notAFile: "not a regular file"
    }
  }
}

extension Position: CustomStringConvertible {
  public var description: String {
    switch self {
    case .device(0, let offset): "byte \(offset)"
    case .device(let device, let offset): "byte \(offset) of extra device \(device)"
    case .metabox(let offset): "byte \(offset) of the metabox"
    }
  }
}

extension DecodeError: CustomStringConvertible {
  public var description: String { "\(reason.explanation) (after \(inputOffset.counting("stored byte")))" }
}

extension Feature: CustomStringConvertible {
  public var description: String {
    switch self {
    case .incompatible(let bits):
      "the image uses features that this version does not support (feature_incompat 0x\(String(bits, radix: 16)))"
    case .blockSize(let bits): "block size 2^\(bits) is not supported; it must be 512 bytes to 64 KiB"
    case .directoryBlockSize(let bits): "directory blocks larger than a block (dirblkbits \(bits)) are not supported"
    case .algorithm(let id):
      if let algorithm = Algorithm(rawValue: id) {
        "this program was built without \(algorithm.name)"
      } else {
        "unknown compression algorithm \(id)"
      }
    case .device(let number): "extra device \(number) is missing: name it with --device"
    case .size: "it is too large for the address space of this machine"
    case .work:
      "reading this image takes far more work than its size can justify: the rest is skipped "
        + "(--no-limit reads it all, however long it takes)"
    case .pathLength:
      "the path is longer than \(ScannedTree.maximumPathBytes) bytes: it is skipped, with everything below it"
    }
  }
}

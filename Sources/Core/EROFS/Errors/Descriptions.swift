// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Hosts only: text of this kind takes memory from a heap, which kernels and firmware do not have. They print the
// explanations, which are constants.
#if !hasFeature(Embedded)
  import Codecs

  #if canImport(Darwin)
    import Darwin
  #elseif canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  extension EROFSError: CustomStringConvertible {
    /// What is wrong, and at which byte if that is known; one line without a full stop.
    public var description: String {
      switch self {
      case .corrupt(let defect, let position): "\(defect.explanation), at \(position)"
      // These have no position in the image.
      case .unsupported(.work, _): "\(Feature.work)"
      case .unsupported(.pathLength, _): "\(Feature.pathLength)"
      case .unsupported(.contentLength, _): "\(Feature.contentLength)"
      case .unsupported(let feature, let position): "\(feature), at \(position)"
      case .undecodable(let error, let algorithm, let position):
        "\(algorithm.name) data that starts at \(position) cannot be decoded: \(error)"
      case .storage(let error, let position): "reading \(position) failed: \(error)"
      case .memory(let need, let bytes): "not enough memory for \(need): \(bytes) byte\(bytes == 1 ? "" : "s") needed"
      case .notFound: "no such file or directory in the image"
      case .notADirectory: "not a directory"
      case .notAFile: "not a regular file"
      }
    }
  }

  extension Position: CustomStringConvertible {
    /// The byte, and the device or the metabox that it is in.
    public var description: String {
      switch self {
      case .device(0, let offset): "byte \(offset)"
      case .device(let device, let offset): "byte \(offset) of extra device \(device)"
      case .metabox(let offset): "byte \(offset) of the metabox"
      }
    }
  }

  extension DecodeError: CustomStringConvertible {
    /// Why, and how much of the stored data had been read by then.
    public var description: String {
      "\(reason.explanation) (after \(inputOffset) stored byte\(inputOffset == 1 ? "" : "s"))"
    }
  }

  extension Need: CustomStringConvertible {
    /// The ``explanation``.
    public var description: String { "\(explanation)" }
  }

  extension StorageError: CustomStringConvertible {
    /// The system's text for the code, which is an errno on hosts.
    public var description: String { unsafe String(cString: unsafe strerror(code)) }
  }

  extension Feature: CustomStringConvertible {
    /// What is missing.
    public var description: String {
      switch self {
      case .incompatible(let bits):
        "the image uses features that this version does not support (feature_incompat 0x\(String(bits, radix: 16)))"
      case .blockSize(let bits): "block size 2^\(bits) is not supported; it must be 512 bytes to 64 KiB"
      case .directoryBlockSize(let bits):
        "directory blocks larger than a block (dirblkbits \(bits)) are not supported"
      case .algorithm(let id):
        if let algorithm = Algorithm(rawValue: id) {
          "this program was built without \(algorithm.name)"
        } else {
          "unknown compression algorithm \(id)"
        }
      case .device(let number): "extra device \(number) is missing"
      case .size: "it is too large for the address space of this machine"
      case .work: "reading this image takes far more work than its size can justify"
      case .pathLength: "the path is longer than 16384 bytes"
      case .contentLength: "it has more bytes than may be read at once"
      }
    }
  }
#endif

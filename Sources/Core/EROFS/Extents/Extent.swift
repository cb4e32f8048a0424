// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A range of a file's bytes that is stored in one piece.
public struct Extent: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// Nowhere: it reads as zeros.
    case hole
    /// From byte `address` on; device 0 means the unified address space.
    case device(Int, address: FileOffset)
    /// Inside the metadata.
    case metadata(MetadataStream, offset: FileOffset)
    /// In the decoded content of the packed inode.
    case packed(offset: FileOffset)
  }

  public enum Encoding: Equatable, Sendable {
    /// As it is.
    case plain
    /// As it is, each byte at the same offset in a block as in the file, the run turned round accordingly.
    case interlaced
    case compressed(Algorithm)
  }

  /// Where ``address`` counts.
  enum Space: UInt8 {
    case hole, device, packed
    // In the order of the streams' numbers.
    case metadata, metabox
  }

  /// How it is stored; from `compressed` on, the algorithm's number is added.
  struct Form: Equatable {
    let rawValue: UInt8
    static var plain: Form { Form(rawValue: 0) }
    static var interlaced: Form { Form(rawValue: 1) }
    static func compressed(_ id: UInt8) -> Form { Form(rawValue: id &+ 2) }
    var isCompressed: Bool { rawValue >= 2 }
    var algorithm: Algorithm { Algorithm(rawValue: rawValue &- 2) ?? .lz4 }
  }

  /// First byte in the file.
  public internal(set) var start: FileOffset = 0
  /// Bytes of the file.
  public internal(set) var length: FileOffset = 0
  var address: FileOffset = 0
  /// Bytes as stored, padding included. For a plain extent: those that count, `length` or more.
  public internal(set) var storedLength: FileOffset = 0
  /// In the space `device`.
  #if EROFS_BASIC_IMAGES
    var device: UInt16 {
      get { 0 }
      set {}
    }
  #else
    var device: UInt16 = 0
  #endif
  var space = Space.hole
  var form = Form.plain
  /// The stream continues after this extent: another file uses more of it.
  #if EROFS_BASIC_IMAGES
    public internal(set) var isPartial: Bool {
      get { false }
      set {}
    }
  #else
    public internal(set) var isPartial = false
  #endif

  public var end: FileOffset { start &+ length }

  public var place: Place {
    switch space {
    case .hole: .hole
    case .device: .device(Int(device), address: address)
    case .packed: .packed(offset: address)
    case .metadata: .metadata(.device, offset: address)
    case .metabox: .metadata(.metabox, offset: address)
    }
  }

  public var encoding: Encoding {
    form.isCompressed ? .compressed(form.algorithm) : form == .interlaced ? .interlaced : .plain
  }

  /// Makes it a plain piece of a file, a hole as yet.
  mutating func cover(_ start: FileOffset, _ length: FileOffset) {
    self.start = start
    self.length = length
    address = 0
    storedLength = length
    device = 0
    space = .hole
    form = .plain
    isPartial = false
  }

  mutating func put(in space: Space, _ address: FileOffset) {
    self.space = space
    self.address = address
  }

  /// The stream that one inside the metadata is in.
  var stream: MetadataStream {
    @inline(__always) get { Role.count == 1 || space == .metadata ? .device : .metabox }
  }

  /// Bytes that are read from where it is stored: of a plain extent, those that count.
  var bytesStored: FileOffset { form == .plain ? length : storedLength }

  // Whether it is in the packed inode, or is turned round: never, if this reader refuses images with such extents.
  var isPacked: Bool { IncompatibleFeatures.known.contains(.fragments) && space == .packed }
  var isInterlaced: Bool { IncompatibleFeatures.known.contains(.fragments) && form == .interlaced }
}

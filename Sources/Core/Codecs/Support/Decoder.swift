// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// What the four decoders have in common: stored pages in, decoded pages out, and the pages being filled are the window.
///
/// A decoder can stop after any number of bytes and go on later, so that a caller who wants a part of an extent, or
/// reads it in steps, decodes nothing twice. It never allocates; what it needs besides the output is `memory`, of a size
/// known beforehand (each decoder's `workingBytes`).
///
///     var decoder = try LZ4Decoder(input: stored, output: pages, length: extentLength, memory: WorkingMemory())
///     try decoder.decode(to: extentLength)
///     try decoder.finish()      // leave out where the stream may go on (a partial reference, a prefix)
///
/// After an error the decoder must not be used again; what it has written up to then is undefined.
public protocol Decoder: ~Copyable {
  /// - Parameters:
  ///   - input: the stored bytes, without padding in front.
  ///   - output: where the extent goes. `length` bytes; or fewer, and then a ring: the frames are used again from the
  ///     first, the decoder keeps only a window of `output.count - 64` bytes, and a match that reaches further back is
  ///     an error (``DecodeError/Reason/distance``).
  ///   - length: decoded bytes of the extent, or of the prefix that is wanted of it.
  ///   - memory: at least the decoder's `workingBytes`, aligned to 8.
  init(input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory) throws(DecodeError)

  /// Decoded bytes so far.
  var produced: Int { get }

  /// Decodes until `produced` is `end` (cut to the extent's length); nothing to do where it is already.
  ///
  /// With a ring the caller has taken all bytes before `produced`, and requests no more than the ring's size less 64.
  mutating func decode(to end: Int) throws(DecodeError)

  /// Checks that the stream ends exactly where the extent does, and that the input is used up.
  mutating func finish() throws(DecodeError)
}

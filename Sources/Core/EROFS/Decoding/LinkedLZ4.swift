// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The decoder of LZ4, if this build has it: see ``LinkedCodecs``.
#if LZ4 || !EROFS_CHOOSES_CODECS
  typealias LinkedLZ4 = LZ4Decoder
#else
  typealias LinkedLZ4 = MissingDecoder
#endif

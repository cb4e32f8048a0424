// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The decoder of DEFLATE, if this build has it: see ``LinkedCodecs``.
#if Deflate || !EROFS_CHOOSES_CODECS
  typealias LinkedDeflate = DeflateDecoder
#else
  typealias LinkedDeflate = MissingDecoder
#endif

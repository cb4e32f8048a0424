// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The decoder of Zstandard, if this build has it: see ``LinkedCodecs``.
#if Zstandard || !EROFS_CHOOSES_CODECS
  typealias LinkedZstandard = ZstandardDecoder
#else
  typealias LinkedZstandard = MissingDecoder
#endif

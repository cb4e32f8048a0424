// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The decoder of MicroLZMA, if this build has it: see ``LinkedCodecs``.
#if MicroLZMA || !EROFS_CHOOSES_CODECS
  typealias LinkedMicroLZMA = MicroLZMADecoder
#else
  typealias LinkedMicroLZMA = MissingDecoder
#endif

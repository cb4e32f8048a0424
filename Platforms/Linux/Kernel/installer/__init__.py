# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Brings compressed EROFS without an MMU into a kernel's source. Python 3.8 and its standard library are all that it takes."""

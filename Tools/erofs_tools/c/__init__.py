# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Core as C: LLVM IR of the Swift compiler, printed as portable C11."""

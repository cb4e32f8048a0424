# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Firmware under QEMU: what it does, and what it takes."""

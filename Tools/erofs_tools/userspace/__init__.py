# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The programs of the Linux root file system: how they are built and tested."""

# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Linux kernels without an MMU: how they are built, booted and tested."""

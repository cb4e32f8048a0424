# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What builds, boots, measures and checks this project: see ../README.md. `Tools/run` lists the tools."""

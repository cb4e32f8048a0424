# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What this program refuses to do."""


class Refusal(Exception):
    """Nothing was changed; the text says what stands in the way, one line for each reason, and what can be done."""

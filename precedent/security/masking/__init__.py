"""Secrets, network addresses and e-mail addresses replaced in a text before it leaves.

Rules find places in the text as it is, and all places are replaced in one pass. Every rule reads a text once: its time
grows with the text's length and not faster. Nothing is looked up anywhere.

A text is masked before it is cut into passages, shortened or encoded: half of a key, or a key behind an escaped line
break, can no longer be recognised.
"""

from precedent.security.masking.replacement import (
    ADDRESS,
    EMAIL,
    MASKING_VERSION,
    SECRET,
    count_marks,
    mask,
    mask_fields,
    places,
)

__all__ = ["ADDRESS", "EMAIL", "MASKING_VERSION", "SECRET", "count_marks", "mask", "mask_fields", "places"]

"""Texts in which a star stands for any characters, compared in one walk.

Whoever asks chooses the text, and often somebody else the stars: what tries one place after another, as a regular
expression does, would take minutes for two hundred characters.
"""

from __future__ import annotations

from collections.abc import Sequence


def fits(pieces: Sequence[str], text: str) -> bool:
    """Whether a text is `pieces`, of which there is at least one, with anything between them: `pattern.split("*")`."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True

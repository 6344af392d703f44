"""How wide is a text on a page that is drawn without a browser?

The widths are those of DejaVu, the widest of the fonts that a reader's machine may pick from the stacks below, so a
text takes the room that is kept for it or less.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

MONO_ADVANCE = 0.6021
WIDE_ADVANCE = 1.04
"""Advance of a character that no table lists, in units of the font size: as wide as the widest letter."""

# Advances of the characters 32 to 126 of DejaVu Sans, in thousandths of the font size.
_BOOK = """
318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337
838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989
685 611 685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521
392 634 592 818 592 592 525 636 337 636 838
"""
_BOLD = """
348 456 521 838 696 1002 872 306 457 457 523 838 380 415 380 365 696 696 696 696 696 696 696 696 696 696 400 400
838 838 838 580 1000 774 762 734 830 683 683 821 837 372 372 775 637 995 837 850 733 850 770 720 682 812 774
1103 771 724 725 457 365 457 838 500 500 675 716 593 716 678 435 716 712 343 343 665 343 1042 712 687 716 716
493 595 478 712 652 924 645 652 582 712 365 712 838
"""
SANS_BOOK, SANS_BOLD = (tuple(map(int, table.split())) for table in (_BOOK, _BOLD))


@dataclass(frozen=True)
class Face:
    """A font of the drawing.

    Attributes:
        size: In pixels.
        bold: Whether it is drawn bold.
        mono: Whether every character is equally wide.
    """

    size: float
    bold: bool = False
    mono: bool = False

    def width(self, text: str) -> float:
        """Return the room that a text takes at most, in pixels."""
        return self.size * sum(map(self._advance, text))

    def wrap(self, text: str, width: float) -> list[str]:
        """Break a text into lines at most `width` wide; a word that is wider is cut, line breaks stay."""
        return [line for paragraph in text.splitlines() or [""] for line in self._wrap(paragraph, width)]

    def _wrap(self, text: str, width: float) -> list[str]:
        lines, line = [], ""
        for piece in (piece for word in text.split() for piece in self._cut(word, width)):
            joined = f"{line} {piece}" if line else piece
            if line and self.width(joined) > width:
                lines.append(line)
                line = piece
            else:
                line = joined
        return [*lines, line]

    def _cut(self, word: str, width: float) -> list[str]:
        pieces = [""]
        for character in word:
            if pieces[-1] and self.width(pieces[-1] + character) > width:
                pieces.append("")
            pieces[-1] += character
        return pieces

    def _advance(self, character: str) -> float:
        if unicodedata.combining(character):
            return 0.0
        if self.mono:
            return MONO_ADVANCE * (2 if unicodedata.east_asian_width(character) in "WF" else 1)
        index = ord(character) - 32
        table = SANS_BOLD if self.bold else SANS_BOOK
        return table[index] / 1000 if 0 <= index < len(table) else WIDE_ADVANCE

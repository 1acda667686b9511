"""What comes after what on a page: the vision tower is told to look from each character to the next one, and from the end of
each piece of text to the next piece."""

from itertools import groupby, pairwise
from typing import NamedTuple

from .alphabet import character_of
from .page import Mark
from .pixels import MERGE, PATCH, squares_near

AFTER, BELOW, NEXT = 0, 1, 2  # the piece drawn next: the next column or the next line; the one below that begins or ends at
# the same x; the next character of the same piece
ALIGNED = 10  # pixels
NEAR = 8  # pixels: a character is found by the patches whose middles are no farther from its own, on both axes


class Link(NamedTuple):
    relation: int
    start: int  # patch, in merge order, under a character, the last one of its piece but for NEXT
    end: int  # patch near the character that comes after it


Piece = tuple[Mark, Mark]  # first and last character


def pieces(marks: list[Mark], width: int, height: int) -> list[list[Mark]]:
    """The characters of what was written at once and is in the picture, without rows of dots."""
    seen = [mark for mark in marks if 0 <= mark.x < width and 0 <= mark.y < height and character_of(mark.name)]
    runs = [list(run) for _, run in groupby(seen, lambda mark: mark.run)]
    return [run for run in runs if {character_of(mark.name) for mark in run} != {"."}]


def below(piece: Piece, others: list[Piece]) -> Piece | None:
    """The next piece down that is aligned at its left or right."""
    aligned = [other for other in others if other[0].y > piece[1].y + 6
               and (abs(other[0].x - piece[0].x) < ALIGNED or abs(other[1].x - piece[1].x) < ALIGNED)]
    return min(aligned, key=lambda other: other[0].y, default=None)


def patch(row: int, column: int, columns: int) -> int:
    """Its index when the patches of a visual token follow one another."""
    token = row // MERGE * (columns // MERGE) + column // MERGE
    return token * MERGE**2 + row % MERGE * MERGE + column % MERGE


def links(marks: list[Mark], width: int, height: int) -> list[Link]:
    """From every character and every piece of a picture of width x height pixels to those that follow."""
    written, found = pieces(marks, width, height), []

    def link(relation: int, mark: Mark, other: Mark) -> None:
        start = patch(int(mark.y // PATCH), int(mark.x // PATCH), width // PATCH)
        found.extend(Link(relation, start, end) for end in patches_near(other, width, height))

    for run in written:
        for mark, other in pairwise(run):
            link(NEXT, mark, other)
    ends = [(run[0], run[-1]) for run in written]
    for piece, other in pairwise(ends):
        link(AFTER, piece[1], other[0])
    for piece in ends:
        other = below(piece, ends)
        if other:
            link(BELOW, piece[1], other[0])
    return found


def patches_near(mark: Mark, width: int, height: int) -> list[int]:
    rows, columns = height // PATCH, width // PATCH
    return [patch(row, column, columns) for row in squares_near(mark.y, NEAR, PATCH, rows) for column in squares_near(mark.x, NEAR, PATCH, columns)]

"""What comes after what on a page: the vision tower is told to look from the end of each piece of text to the next one."""

from itertools import groupby
from typing import NamedTuple

from .alphabet import character_of
from .page import Mark
from .pixels import MERGE, PATCH, squares_near

AFTER, BELOW = 0, 1  # the piece drawn next: the next column or the next line; the one below that begins or ends at the same x
ALIGNED = 10  # pixels
NEAR = 8  # pixels: the next piece is found by the patches whose middles are no farther from its first character, on both axes


class Link(NamedTuple):
    relation: int
    start: int  # patch, in merge order, under the last character of a piece
    end: int  # patch near the first character of the next one


Piece = tuple[Mark, Mark]  # first and last character


def pieces(marks: list[Mark], width: int, height: int) -> list[Piece]:
    """What was written at once and is in the picture, without rows of dots."""
    seen = [mark for mark in marks if 0 <= mark.x < width and 0 <= mark.y < height and character_of(mark.name)]
    runs = [list(run) for _, run in groupby(seen, lambda mark: mark.run)]
    return [(run[0], run[-1]) for run in runs if {character_of(mark.name) for mark in run} != {"."}]


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
    """From every piece of a picture of width x height pixels to the pieces it is followed by."""
    every, found = pieces(marks, width, height), []
    columns = width // PATCH
    for index, piece in enumerate(every):
        start = patch(int(piece[1].y // PATCH), int(piece[1].x // PATCH), columns)
        for relation, other in ((AFTER, every[index + 1] if index + 1 < len(every) else None), (BELOW, below(piece, every))):
            if other:
                found += [Link(relation, start, end) for end in patches_near(other[0], width, height)]
    return found


def patches_near(mark: Mark, width: int, height: int) -> list[int]:
    rows, columns = height // PATCH, width // PATCH
    return [patch(row, column, columns) for row in squares_near(mark.y, NEAR, PATCH, rows) for column in squares_near(mark.x, NEAR, PATCH, columns)]

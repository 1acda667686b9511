"""Where the characters of an answer stand in the pictures: the renderer knows where it drew what."""

import re
from typing import NamedTuple

from .alphabet import character_of
from .page import Mark
from .pixels import STEP, squares_near

NEAR = 12  # pixels: a character is read from the visual tokens whose middles are no farther than this, on both axes

LINE, WORD = re.compile(r"[^\n]*[^\n ][^\n]*"), re.compile(r"[^\n ]{2,}")


class Place(NamedTuple):
    picture: int
    x: float  # pixels
    y: float


def places(answer: str, pictures: list[list[Mark]]) -> list[list[Place]]:
    """For each character of an answer, and for its end, the places it may be read from; none where it is not written like
    that. A gap, a new line and the end are seen at the character before them.

    What has several lines is looked for from the top down. A single line that stands there twice has both its places, and
    one that does not stand there as a whole is looked for word by word."""
    drawn = [(Place(picture, mark.x, mark.y), character) for picture, marks in enumerate(pictures) for mark in marks
             if (character := character_of(mark.name))]
    text = "".join(character for _, character in drawn)
    result: list[list[Place]] = [[] for _ in answer]
    after, several = 0, "\n" in answer
    for span in LINE.finditer(answer):
        whole = find(text, without_spaces(span), after)
        for part, found in [(span, whole)] if whole else [(word, find(text, word.group(), after)) for word in WORD.finditer(answer, *span.span())]:
            visible = [index for index in range(*part.span()) if answer[index] != " "]
            for start in found[:1] if several else found:
                for offset, index in enumerate(visible):
                    result[index].append(drawn[start + offset][0])
                after = start + len(visible)
    result.append([])
    for index in range(1, len(result)):
        if answer[index : index + 1] in (" ", "\n", ""):
            result[index] = result[index - 1]
    return result


def without_spaces(span: re.Match) -> str:
    return span.group().replace(" ", "")


def find(text: str, part: str, after: int) -> list[int]:
    """Where the part stands in the text: from `after` on, or else anywhere."""
    every = [match.start() for match in re.finditer(f"(?={re.escape(part)})", text)]
    return [start for start in every if start >= after] or every


def tokens_near(place: Place, rows: int, columns: int) -> list[int]:
    """The visual tokens of a picture of rows x columns that hold the character, in raster order."""
    return [row * columns + column for row in squares_near(place.y, NEAR, STEP, rows) for column in squares_near(place.x, NEAR, STEP, columns)]

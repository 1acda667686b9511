"""The characters the model reads: printable ASCII, ¥, full-width punctuation and the commonest Chinese characters; and the
classes of the auxiliary head, which names them and the shapes that are counted."""

import string
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"

ASCII = string.digits + string.ascii_letters + string.punctuation
PUNCTUATION = "¥￥，。：；！？、（）《》“”‘’…—·"
HAN = (DATA / "characters.txt").read_text("utf-8").strip()  # commonest first

CHARACTERS = ASCII + PUNCTUATION + HAN
COLOURS = ("red", "green", "blue", "yellow", "black", "orange", "purple")
SHAPES = tuple(f"{colour} {kind}" for kind in ("circle", "square", "triangle") for colour in COLOURS)

BLANK = 0  # nothing is centred here, or nothing follows
CLASS_OF = {name: index + 1 for index, name in enumerate((*CHARACTERS, *SHAPES))}
GAP = len(CLASS_OF) + 1  # a space follows
CLASSES = GAP + 1


def character_of(name: int) -> str | None:
    """The character of a class; None for shapes."""
    return CHARACTERS[name - 1] if name <= len(CHARACTERS) else None


def is_han(character: str) -> bool:
    """Whether a browser would draw this with the Chinese font: ideographs and full-width punctuation."""
    return ord(character) > 0x2E80 or character in "“”‘’…—·" or character == "￥"


def has_han(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)

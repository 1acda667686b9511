"""The characters the model reads: printable ASCII, ¥, full-width punctuation and the commonest Chinese characters."""

import string
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"

ASCII = string.digits + string.ascii_letters + string.punctuation
PUNCTUATION = "¥￥，。：；！？、（）《》“”‘’…—·"
HAN = (DATA / "characters.txt").read_text("utf-8").strip()  # commonest first

CHARACTERS = ASCII + PUNCTUATION + HAN
BLANK = 0
CLASS_OF = {character: index + 1 for index, character in enumerate(CHARACTERS)}  # 0 is "no character here"
CLASSES = len(CHARACTERS) + 1


def is_han(character: str) -> bool:
    """Whether a browser would draw this with the Chinese font: ideographs and full-width punctuation."""
    return ord(character) > 0x2E80 or character in "“”‘’…—·" or character == "￥"


def has_han(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)

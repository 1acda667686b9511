"""Which installed fonts may be used for training, and how a text is split between a Latin and a Chinese font."""

import random
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache

from PIL import ImageFont

from .alphabet import HAN, is_han

# Kept for the evaluation suite alone; the suite's generator uses these and no others.
RESERVED = ("Cantarell", "Go", "Gentium", "B612", "HanaMin", "LXGW WenKai")
# Symbols, capitals drawn as small letters, display faces that people do not set receipts or screens in.
UNFIT = re.compile(
    r"Math|Symbol|Keyboard|Caps\b|Smallcaps|Bebas|Dunhill|Monoisome|unifur|Script|Z003|D050000L|Quotation|Title|"
    r"Thin|Hairline|ExtraLight|UltraLight|HanaMin|Noto Sans (?!CJK SC|Display|Mono$)\w|Noto Serif (?!CJK SC|Display)\w|"
    r"UKai (?!CN)|UMing (?!CN)|Sharp|Mona\b|Spleen|Beta|Nanum"
)
HAN_WEIGHTS = {"Noto Sans CJK SC": 3, "Noto Serif CJK SC": 2, "WenQuanYi Zen Hei": 2, "WenQuanYi Micro Hei": 1.5,
               "Droid Sans Fallback": 1, "Smiley Sans": 0.4}  # others 1


@dataclass(frozen=True)
class Font:
    """One face of one font file."""

    path: str
    index: int
    family: str
    style: str
    has_yen: bool


@dataclass(frozen=True)
class Face:
    """What a text is drawn with: like a browser's font list, Chinese characters come from the second font."""

    latin: Font
    han: Font

    def font_for(self, character: str) -> Font:
        return self.han if is_han(character) or (character == "¥" and not self.latin.has_yen) else self.latin


def parse_charset(text: str) -> set[int]:
    """fontconfig's "20-7e a5" as code points."""
    points: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return points


@cache
def installed() -> tuple[dict[str, list[Font]], dict[str, list[Font]]]:
    """Families that cover ASCII, and families that cover every Chinese character too. Reserved ones are left out."""
    latin: dict[str, list[Font]] = defaultdict(list)
    han: dict[str, list[Font]] = defaultdict(list)
    listing = subprocess.run(
        ["fc-list", "--format", "%{file}\t%{index}\t%{family[0]}\t%{style[0]}\t%{charset}\n"],
        capture_output=True, text=True, check=True,
    ).stdout
    for line in sorted(listing.splitlines()):
        fields = line.split("\t")
        if len(fields) != 5 or not fields[0].endswith((".ttf", ".otf", ".ttc")):
            continue
        path, index, family, style, charset = fields
        if family.startswith(RESERVED) or UNFIT.search(family) or UNFIT.search(style) or int(index) > 0xFFFF:
            continue
        points = parse_charset(charset)
        font = Font(path, int(index), family, style, 0xA5 in points)
        if all(ord(character) in points for character in HAN):
            han[family].append(font)
        elif all(point in points for point in range(0x20, 0x7F)):
            latin[family].append(font)
    return dict(latin), dict(han)


@lru_cache(maxsize=1500)
def open_font(font: Font, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font.path, size, font.index, layout_engine=ImageFont.Layout.BASIC)


def is_slanted(font: Font) -> bool:
    return "Ital" in font.style or "Obli" in font.style


def pick_font(random: random.Random, families: dict[str, list[Font]], family: str) -> Font:
    fonts = families[family]
    upright = [font for font in fonts if not is_slanted(font)]
    return random.choice(upright if upright and random.random() < 0.85 else fonts)


def pick_face(random: random.Random) -> Face:
    """Families are equally likely whatever the number of their styles; common Chinese ones more likely than rare ones."""
    latin, han = installed()
    family = random.choices(list(han), [HAN_WEIGHTS.get(name, 1) for name in han])[0]
    chinese = pick_font(random, han, family)
    if random.random() < 0.12:
        return Face(chinese, chinese)
    return Face(pick_font(random, latin, random.choice(list(latin))), chinese)

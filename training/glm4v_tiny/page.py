"""A picture being drawn: text that remembers which character stands where, then the ways a picture gets worse."""

import io
import math
import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .alphabet import BLANK, CLASS_OF, GAP
from .fonts import Face, Font, open_font

CELL = 8  # pixels a side of the squares in which the auxiliary head names characters: one vision patch
Colour = tuple[int, int, int]
NOTHING = -100  # where no character stands, nothing can follow one


class Mark(NamedTuple):
    """Where a character or a shape is centred."""

    x: float  # pixels
    y: float
    name: int  # class
    run: int  # what was drawn at once has the same
    then: int = NOTHING  # class of what follows in the run: a character, GAP, or BLANK at its end
    before: int = NOTHING  # class of what precedes in the run: a character, GAP, or BLANK at its start


@lru_cache(maxsize=300_000)
def advance(font: Font, size: float, character: str) -> float:
    """Pen movement of one character, in pixels; kerning is ignored."""
    return open_font(font, size).getlength(character)


@dataclass
class Style:
    """How a piece of text looks."""

    face: Face
    size: float  # pixels
    spacing: float = 0.0  # pixels between characters
    bold: float = 0.0  # extra stroke, pixels

    def width(self, text: str) -> float:
        return sum(advance(self.face.font_for(c), self.size, c) + self.spacing for c in text)


@dataclass
class Page:
    """A canvas in logical pixels, drawn `oversample` times as large and scaled down at the end."""

    width: int
    height: int
    background: Colour
    ink: Colour
    oversample: float = 1.0
    marks: list[Mark] = field(default_factory=list)
    runs: int = 0
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        scale = self.oversample
        self.image = Image.new("RGB", (round(self.width * scale), round(self.height * scale)), self.background)
        self.draw = ImageDraw.Draw(self.image)

    def text(self, x: float, y: float, text: str, style: Style, fill: Colour | None = None) -> None:
        """Draws a line of text whose box begins at (x, y); its baseline lies 0.95 of the size below."""
        scale, baseline = self.oversample, y + 0.95 * style.size
        self.runs += 1
        classes = (BLANK, *(GAP if character == " " else CLASS_OF.get(character, NOTHING) for character in text), BLANK)
        beside = iter(zip(classes[2:], classes))
        for run, font in runs(text, style):
            pen = x
            for character in run:
                then, before = next(beside)
                width = advance(font, style.size, character) + style.spacing
                if character in CLASS_OF:
                    self.marks.append(Mark(pen + (width - style.spacing) / 2, baseline - 0.37 * style.size, CLASS_OF[character], self.runs,
                                           then, before))
                if style.spacing:
                    self._glyphs(pen * scale, baseline * scale, character, font, style, fill)
                pen += width
            if not style.spacing:
                self._glyphs(x * scale, baseline * scale, run, font, style, fill)
            x = pen

    def _glyphs(self, x: float, y: float, text: str, font: Font, style: Style, fill: Colour | None) -> None:
        opened = open_font(font, round(style.size * self.oversample * 2) / 2)
        self.draw.text((x, y), text, font=opened, fill=fill or self.ink, anchor="ls",
                       stroke_width=style.bold * self.oversample)

    def line(self, x0: float, x1: float, y: float, fill: Colour | None = None, dash: float = 0) -> None:
        """A horizontal rule, dashed when `dash` pixels are given."""
        scale = self.oversample
        width = max(1, round(scale))
        if not dash:
            self.draw.line((x0 * scale, y * scale, x1 * scale, y * scale), fill=fill or self.ink, width=width)
            return
        while x0 < x1:
            self.draw.line((x0 * scale, y * scale, min(x0 + dash, x1) * scale, y * scale), fill=fill or self.ink, width=width)
            x0 += 1.8 * dash

    def upright(self, x: float, y0: float, y1: float, fill: Colour) -> None:
        """A vertical rule."""
        scale = self.oversample
        self.draw.line((x * scale, y0 * scale, x * scale, y1 * scale), fill=fill, width=max(1, round(scale)))

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None, outline: Colour | None = None,
            radius: float = 0) -> None:
        scale = self.oversample
        self.draw.rounded_rectangle((x0 * scale, y0 * scale, x1 * scale, y1 * scale), radius * scale, fill, outline,
                                    max(1, round(scale)))

    def finish(self, random: random.Random, roughness: float) -> tuple[Image.Image, list[Mark]]:
        """The picture at its logical size, and where its characters are centred."""
        image = self.image
        if image.size != (self.width, self.height):
            filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
            image = image.resize((self.width, self.height), random.choice(filters))
        marks = self.marks
        if random.random() < roughness:
            image, marks = worsen(random, image, marks)
        return image, marks


def name_cells(marks: list[Mark], rows: int, columns: int) -> np.ndarray:
    """Of what is centred nearest to the middle of each cell, its class and those of what follows and what precedes it:
    [rows, columns, 3]."""
    cells, nearest = np.full((rows, columns, 3), (BLANK, NOTHING, NOTHING), np.int64), np.full((rows, columns), math.inf)
    for x, y, name, _, *beside in marks:
        row, column = int(y // CELL), int(x // CELL)
        away = abs(x - (column + 0.5) * CELL)
        if 0 <= row < rows and 0 <= column < columns and away < nearest[row, column]:
            cells[row, column], nearest[row, column] = (name, *beside), away
    return cells


def runs(text: str, style: Style):
    """Splits a text where its font changes: yields (characters, font)."""
    start = 0
    for index in range(1, len(text) + 1):
        font = style.face.font_for(text[start])
        if index == len(text) or style.face.font_for(text[index]) is not font:
            yield text[start:index], font
            start = index


def turn(image: Image.Image, marks: list, degrees: float, shear: float) -> tuple[Image.Image, list]:
    """Rotates about the centre and leans the picture a little; marks move along."""
    angle, cx, cy = math.radians(degrees), image.width / 2, image.height / 2
    a, b, d, e = math.cos(angle), math.sin(angle) + shear, -math.sin(angle), math.cos(angle)  # output -> input
    matrix = (a, b, cx - a * cx - b * cy, d, e, cy - d * cx - e * cy)
    turned = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=image.getpixel((0, 0)))
    determinant = a * e - b * d
    moved = []
    for mark in marks:
        u, v = mark.x - cx, mark.y - cy
        moved.append(mark._replace(x=cx + (e * u - b * v) / determinant, y=cy + (a * v - d * u) / determinant))
    return turned, moved


def worsen(random: random.Random, image: Image.Image, marks: list) -> tuple[Image.Image, list]:
    """One to three of: blur, JPEG, rotation or lean, noise, contrast and brightness, a smaller copy scaled up."""
    for kind in random.sample(("blur", "jpeg", "turn", "noise", "curve", "scale"), random.choice((1, 1, 2, 3))):
        if kind == "blur":
            image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.2, 0.75)))
        elif kind == "jpeg":
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=random.randint(35, 92))
            image = Image.open(buffer).convert("RGB")
        elif kind == "turn":
            image, marks = turn(image, marks, random.uniform(-1.5, 1.5), random.choice((0, 0, random.uniform(-1, 1) * min(0.2, 5 / image.height))))
        elif kind == "noise":
            noise = np.random.randint(-14, 15, (image.height, image.width, 1), dtype=np.int16)
            image = Image.fromarray((np.asarray(image, np.int16) + noise).clip(0, 255).astype(np.uint8))
        elif kind == "curve":
            gamma, low, high = random.uniform(0.75, 1.3), random.randint(0, 50), random.randint(205, 255)
            table = [round(low + (high - low) * (value / 255) ** gamma) for value in range(256)]
            image = image.point(table * 3)
        else:
            factor = random.uniform(0.75, 0.95)
            small = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BILINEAR)
            image = small.resize(image.size, random.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)))
    return image, marks

"""Colours, sizes and typefaces of a picture, picked at random."""

import random

from .fonts import Face, pick_face
from .page import Colour, Page, Style

ACCENTS: tuple[Colour, ...] = ((200, 30, 30), (30, 110, 40), (30, 70, 190), (170, 80, 0), (120, 30, 140))
LIGHT_ACCENTS: tuple[Colour, ...] = ((255, 120, 110), (255, 210, 90), (130, 230, 140), (120, 190, 255), (240, 150, 240))


def shade(random: random.Random, low: int, high: int, spread: int = 255) -> Colour:
    """A colour between two brightnesses; a small spread keeps it near grey."""
    grey = random.randint(low, high)
    return tuple(max(low, min(high, grey + random.randint(-spread, spread))) for _ in range(3))


def is_dark(colour: Colour) -> bool:
    return sum(colour) < 380


def colours(random: random.Random, dark: float = 0.2) -> tuple[Colour, Colour]:
    """Background and ink."""
    kind = random.random()
    if kind < dark:
        return shade(random, 0, 75, 30), shade(random, 175, 255, 60)
    if kind < dark + 0.05:
        return random.choice(ACCENTS), (255, 255, 255)
    if kind < dark + 0.4:
        return (255, 255, 255), shade(random, 0, 60, 10)
    return shade(random, 205, 255, 25), shade(random, 0, 105, 60)


def accents(page: Page) -> tuple[Colour, ...]:
    """Colours that stand out from the background, red first."""
    return LIGHT_ACCENTS if is_dark(page.background) else ACCENTS


def accent(random: random.Random, page: Page) -> Colour:
    return random.choice(accents(page))


def blank_page(random: random.Random, width: int, height: int, dark: float = 0.2) -> Page:
    """Hinted glyphs at their own size half of the time, glyphs scaled down from a larger drawing otherwise."""
    background, ink = colours(random, dark)
    oversample = 1.0 if random.random() < 0.5 else random.choice((1.5, 2.0, 2.5, 3.0))
    if width * height > 120_000:
        oversample = min(oversample, 1.5)
    return Page(width, height, background, ink, oversample)


def pick_size(random: random.Random, low: int, high: int) -> float:
    """Pixels; small type is as likely as large."""
    size = low * (high / low) ** random.random()
    return round(size) if random.random() < 0.6 else round(size * 2) / 2


def pick_style(random: random.Random, size: float, face: Face | None = None) -> Style:
    spacing = random.uniform(0.02, 0.15) * size if random.random() < 0.08 else 0.0
    bold = random.uniform(0.015, 0.04) * size if random.random() < 0.05 else 0.0
    return Style(face or pick_face(random), size, spacing, bold)

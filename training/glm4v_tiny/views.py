"""Several pictures from one drawing: the same ink elsewhere on the patches and in other tones is a new lesson for little work."""

import random

import numpy as np
from PIL import Image, ImageOps

from .page import Mark

Drawing = tuple[Image.Image, list[Mark]]


def moved(marks: list[Mark], right: int, down: int) -> list[Mark]:
    return [mark._replace(x=mark.x + right, y=mark.y + down) for mark in marks]


def crop(random: random.Random, drawing: Drawing, width: int, height: int) -> Drawing:
    """A part of this size, sometimes as a negative or with its colours exchanged. Characters at the edges may be cut."""
    image, marks = drawing
    left, top = random.randint(0, image.width - width), random.randint(0, image.height - height)
    part = image.crop((left, top, left + width, top + height))
    if random.random() < 0.25:
        part = ImageOps.invert(part)
    if random.random() < 0.25:
        part = Image.merge("RGB", random.sample(part.split(), 3))
    return part, moved(marks, -left, -top)


def resize(drawing: Drawing, width: int, height: int) -> Drawing:
    """The drawing at this size, as a processor would make it so."""
    image, marks = drawing
    if image.size == (width, height):
        return drawing
    right, down = width / image.width, height / image.height
    return image.resize((width, height), Image.Resampling.BICUBIC), [mark._replace(x=mark.x * right, y=mark.y * down) for mark in marks]


def shift(random: random.Random, drawing: Drawing, width: int, height: int) -> Drawing:
    """The whole drawing somewhere on a picture of this size; its edge goes on around it."""
    image, marks = drawing
    left, top = random.randint(0, width - image.width), random.randint(0, height - image.height)
    beside = ((top, height - image.height - top), (left, width - image.width - left), (0, 0))
    return Image.fromarray(np.pad(np.asarray(image), beside, mode="edge")), moved(marks, left, top)

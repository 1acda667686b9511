"""Pictures to patches: the size the published processor gives them, and the order in which it lays them out."""

import math

import numpy as np
from PIL import Image

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
PATCH = 8  # pixels a side
MERGE = 2  # patches a side of one visual token
STEP = PATCH * MERGE  # picture sides are multiples of this
LARGEST = 393_216  # pixels of a picture; larger ones are scaled down
SMALLEST = 94_208  # smaller ones are scaled up: letters of 12 pixels are hard to tell apart on patches of 8


def fitted_size(width: int, height: int, smallest: float = SMALLEST) -> tuple[int, int]:
    """Sides that are multiples of 16 with an area from `smallest` to LARGEST pixels: the published processor's rule."""
    if min(width, height) < STEP:
        grow = max(STEP / width, STEP / height)
        width, height = int(width * grow), int(height * grow)
    near = round(width / STEP) * STEP, round(height / STEP) * STEP
    area = near[0] * near[1]
    if area > LARGEST:
        shrink = math.sqrt(width * height / LARGEST)
        return max(STEP, math.floor(width / shrink / STEP) * STEP), max(STEP, math.floor(height / shrink / STEP) * STEP)
    if area < smallest:
        grow = math.sqrt(smallest / (width * height))
        return math.ceil(width * grow / STEP) * STEP, math.ceil(height * grow / STEP) * STEP
    return near


def fit(image: Image.Image) -> Image.Image:
    """The picture as the vision tower takes it, resized with PIL's bicubic like the published processor."""
    size = fitted_size(*image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def patches(image: Image.Image) -> np.ndarray:
    """[patches, 192], the four patches of a visual token one after another; each is channel, row, column."""
    mean, std = np.array((MEAN, STD), np.float32)
    values = (np.asarray(image, np.float32) / 255 - mean) / std
    rows, columns = image.height // STEP, image.width // STEP
    split = values.reshape(rows, MERGE, PATCH, columns, MERGE, PATCH, 3)
    return split.transpose(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns * MERGE**2, 3 * PATCH**2)


def token_cells(cells: np.ndarray) -> np.ndarray:
    """Classes [rows, columns, kinds] of 8-pixel cells as [visual tokens, 4, kinds], in the order of `patches`."""
    rows, columns, kinds = cells.shape[0] // MERGE, cells.shape[1] // MERGE, cells.shape[2]
    return cells.reshape(rows, MERGE, columns, MERGE, kinds).transpose(0, 2, 1, 3, 4).reshape(rows * columns, MERGE**2, kinds)


def squares_near(middle: float, near: float, side: int, count: int) -> range:
    """Of `count` squares in a row, `side` pixels each, those whose middles are at most `near` pixels from this one."""
    first, last = math.ceil((middle - near) / side - 0.5), math.floor((middle + near) / side - 0.5)
    return range(max(0, first), min(count - 1, last) + 1)

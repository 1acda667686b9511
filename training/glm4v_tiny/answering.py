"""Greedy answers, one request at a time, in the prompt format of the chat template."""

import math

import torch
from PIL import Image
from tokenizers import Tokenizer

from . import chat
from .model import Glm4v
from .pixels import STEP, patches

LONGEST = 400  # tokens of an answer
LARGEST = 393_216  # pixels of a picture; larger ones are scaled down
SMALLEST = 4096  # smaller ones are scaled up


def fitted_size(width: int, height: int) -> tuple[int, int]:
    """Sides that are multiples of 16 with an area between the limits: the published processor's rule."""
    if min(width, height) < STEP:
        grow = max(STEP / width, STEP / height)
        width, height = int(width * grow), int(height * grow)
    near = round(width / STEP) * STEP, round(height / STEP) * STEP
    area = near[0] * near[1]
    if area > LARGEST:
        shrink = math.sqrt(width * height / LARGEST)
        return max(STEP, math.floor(width / shrink / STEP) * STEP), max(STEP, math.floor(height / shrink / STEP) * STEP)
    if area < SMALLEST:
        grow = math.sqrt(SMALLEST / (width * height))
        return math.ceil(width * grow / STEP) * STEP, math.ceil(height * grow / STEP) * STEP
    return near


def fit(image: Image.Image) -> Image.Image:
    """The picture as the vision tower takes it, resized with PIL's bicubic like the published processor."""
    size = fitted_size(*image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


@torch.no_grad()
def answer(model: Glm4v, tokenizer: Tokenizer, images: list[Image.Image], prompt: str) -> str:
    """What the model says about the pictures at temperature 0 with thinking off."""
    image_token = tokenizer.token_to_id("<|image|>")
    stops = {tokenizer.token_to_id(name) for name in ("<|user|>", "<|endoftext|>", "<|observation|>")}
    with torch.autocast("cpu", torch.bfloat16):
        grids, seen = [], []
        for image in (fit(image.convert("RGB")) for image in images):
            rows, columns = image.height // STEP, image.width // STEP
            grids.append((rows, columns))
            seen.append(model.see(torch.from_numpy(patches(image))[None], 2 * rows, 2 * columns)[0])
        conversation = chat.start(tokenizer, None)
        chat.user(conversation, grids, prompt, think=False)
        ids = torch.tensor([conversation.ids])
        positions = torch.tensor(conversation.positions).T[:, None]
        caches: list[list] = [[] for _ in range(model.shape.text.num_hidden_layers)]
        hidden = model.think(model.embed(ids, torch.cat(seen), image_token), positions, caches)
        said: list[int] = []
        while len(said) < LONGEST:
            token = int(model.lm_head(hidden[:, -1]).argmax())
            if token in stops:
                break
            position = torch.full((3, 1, 1), conversation.next_position + len(said))
            said.append(token)
            hidden = model.think(model.embed(torch.tensor([[token]]), None, image_token), position, caches)
    return tokenizer.decode(said, skip_special_tokens=True).strip()

"""Greedy answers, one request at a time, in the prompt format of the chat template."""

import torch
from PIL import Image
from tokenizers import Tokenizer

from . import chat
from .model import Glm4v
from .pixels import STEP, fit, patches

LONGEST = 400  # tokens of an answer


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

"""Greedy answers, and how likely right ones are, one request at a time, in the prompt format of the chat template."""

import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Tokenizer

from . import chat
from .model import Glm4v
from .pixels import STEP, fit, patches

LONGEST = 400  # tokens of an answer


@torch.no_grad()
def ask(model: Glm4v, tokenizer: Tokenizer, images: list[Image.Image], prompt: str) -> tuple[chat.Conversation, torch.Tensor]:
    """The conversation up to where the answer begins, thinking off, and the visual tokens of its pictures [tokens, hidden]."""
    grids, seen = [], []
    for image in (fit(image.convert("RGB")) for image in images):
        rows, columns = image.height // STEP, image.width // STEP
        grids.append((rows, columns))
        seen.append(model.see(torch.from_numpy(patches(image))[None], 2 * rows, 2 * columns)[0])
    conversation = chat.start(tokenizer, None)
    chat.user(conversation, grids, prompt, think=False)
    return conversation, torch.cat(seen)


def positions(conversation: chat.Conversation) -> torch.Tensor:
    """[3, 1, length]"""
    return torch.tensor(conversation.positions).T[:, None]


@torch.no_grad()
def answer(model: Glm4v, tokenizer: Tokenizer, images: list[Image.Image], prompt: str) -> str:
    """What the model says about the pictures at temperature 0 with thinking off."""
    image_token = tokenizer.token_to_id("<|image|>")
    stops = {tokenizer.token_to_id(name) for name in ("<|user|>", "<|endoftext|>", "<|observation|>")}
    with torch.autocast("cpu", torch.bfloat16):
        conversation, seen = ask(model, tokenizer, images, prompt)
        caches: list[list] = [[] for _ in range(model.shape.text.num_hidden_layers)]
        hidden = model.think(model.embed(torch.tensor([conversation.ids]), seen, image_token), positions(conversation), caches)
        said: list[int] = []
        while len(said) < LONGEST:
            token = int(model.lm_head(hidden[:, -1]).argmax())
            if token in stops:
                break
            position = torch.full((3, 1, 1), conversation.next_position + len(said))
            said.append(token)
            hidden = model.think(model.embed(torch.tensor([[token]]), None, image_token), position, caches)
    return tokenizer.decode(said, skip_special_tokens=True).strip()


@torch.no_grad()
def surprise(model: Glm4v, tokenizer: Tokenizer, images: list[Image.Image], prompt: str, right: str) -> float:
    """How unlikely the right answer is, in nats. Finer than right or wrong: some hundred cases tell two sets of weights apart."""
    with torch.autocast("cpu", torch.bfloat16):
        conversation, seen = ask(model, tokenizer, images, prompt)
        begin = len(conversation.ids)
        conversation.text(right)
        conversation.special("<|user|>")
        ids = torch.tensor(conversation.ids)
        hidden = model.think(model.embed(ids[None], seen, tokenizer.token_to_id("<|image|>")), positions(conversation))
        return F.cross_entropy(model.lm_head(hidden[0, begin - 1 : -1]).float(), ids[begin:], reduction="sum").item()

"""Greedy answers, and how likely right ones are, one request at a time, in the prompt format of the chat template."""

import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Tokenizer

from . import chat
from .model import Glm4v
from .pixels import STEP, fit, patches

LONGEST = 400  # tokens of an answer
Asked = tuple[chat.Conversation, torch.Tensor]  # up to where the answer begins, thinking off; visual tokens [tokens, hidden]


@torch.no_grad()
def ask(model: Glm4v, tokenizer: Tokenizer, images: list[Image.Image], prompt: str) -> Asked:
    """Looks at the pictures, which is most of the work; what is made of it may be asked for more than once."""
    grids, seen = [], []
    with torch.autocast("cpu", torch.bfloat16):
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
def answer(model: Glm4v, tokenizer: Tokenizer, asked: Asked) -> str:
    """What the model says at temperature 0."""
    conversation, seen = asked
    image_token = tokenizer.token_to_id("<|image|>")
    stops = {tokenizer.token_to_id(name) for name in ("<|user|>", "<|endoftext|>", "<|observation|>")}
    with torch.autocast("cpu", torch.bfloat16):
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
def surprise(model: Glm4v, tokenizer: Tokenizer, asked: Asked, right: str) -> float:
    """How unlikely the right answer is, in nats. Finer than right or wrong: some hundred cases tell two sets of weights apart."""
    conversation, seen = asked
    said = [*tokenizer.encode(right, add_special_tokens=False).ids, tokenizer.token_to_id("<|user|>")]
    ids = torch.tensor([conversation.ids + said])
    places = torch.cat((positions(conversation), (conversation.next_position + torch.arange(len(said))).expand(3, 1, -1)), -1)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.think(model.embed(ids, seen, tokenizer.token_to_id("<|image|>")), places)
        return F.cross_entropy(model.lm_head(hidden[0, -len(said) - 1 : -1]).float(), torch.tensor(said), reduction="sum").item()

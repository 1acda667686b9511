"""Weights to begin with: from scratch, or from a published folder whose tokenizer was another."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from .model import Glm4v


def from_scratch(model: Glm4v) -> None:
    """Filters that already see edges, token embeddings that the sandwich norms do not drown."""
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2:
            small = "embed" in name or "lm_head" in name
            torch.nn.init.normal_(parameter, std=0.02 if small else parameter[0].numel() ** -0.5)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        model.model.visual.patch_embed.proj.weight.copy_(cosine_filters(model.shape.vision.hidden_size, model.shape.vision.patch_size))
        model.model.language_model.embed_tokens.weight.normal_(0, 0.5)
        for layer in model.model.language_model.layers:
            layer.post_self_attn_layernorm.weight.fill_(0.3)
            layer.post_mlp_layernorm.weight.fill_(0.3)


def cosine_filters(count: int, side: int) -> torch.Tensor:
    """[count, 3, 2, side, side]: zero-mean low-frequency cosines, two mixed in each, near grey."""
    generator = torch.Generator().manual_seed(1)
    x = (torch.arange(side) + 0.5) * math.pi / side
    waves = [(u, v) for u in range(6) for v in range(6) if 0 < u + v < 8]
    wave = lambda index: torch.outer(torch.cos(waves[index][0] * x), torch.cos(waves[index][1] * x))
    filters = torch.zeros(count, 3, 2, side, side)
    for index in range(count):
        second = int(torch.randint(len(waves), (1,), generator=generator))
        mixed = wave(index % len(waves)) + 0.5 * (-1) ** index * wave(second)
        colour = torch.ones(3) / 3 + 0.15 * torch.randn(3, generator=generator)
        filters[index] = (mixed / mixed.norm() * colour[:, None, None])[:, None] / 2  # two frames add up
    return filters


def from_folder(model: Glm4v, folder: Path, tokenizer: Tokenizer) -> int:
    """Takes over every weight; token rows by the token's text, others stay as they were. Vision blocks that the folder has not
    change nothing at first. Gives how many tokens were known. Raises ValueError for a weight of another shape."""
    old_tokens = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    old_ids = dict(old_tokens["model"]["vocab"]) | {token["content"]: token["id"] for token in old_tokens["added_tokens"]}
    state = load_file(folder / "model.safetensors")
    known = [(new, old_ids[token]) for token, new in tokenizer.get_vocab().items() if token in old_ids]
    new, old = (torch.tensor(side) for side in zip(*known))
    own = model.state_dict()
    with torch.no_grad():
        for name in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
            own[name][new] = state.pop(name)[old].float()
        for name, value in state.items():
            if value.shape != own[name].shape:
                raise ValueError(f"{name} is {tuple(value.shape)}, not {tuple(own[name].shape)}")
            own[name].copy_(value.float())
        for index, block in enumerate(model.model.visual.blocks):
            if f"model.visual.blocks.{index}.attn.proj.weight" not in state:
                block.attn.proj.weight.zero_()
                block.mlp.down_proj.weight.zero_()
    return len(known)

"""Reads a model folder in the hub's layout into this package's own model."""

import json
from pathlib import Path

from safetensors.torch import load_file
from tokenizers import Tokenizer

from .model import Glm4v, Shape, TextShape, VisionShape


def load_folder(folder: Path) -> tuple[Glm4v, Tokenizer]:
    """The model in fp32 with its tokenizer."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    text, vision = config["text_config"], config["vision_config"]
    rope = text["rope_parameters"]
    own = {name: text[name] for name in TextShape.__dataclass_fields__ if name in text}
    own |= {name: tuple(rope[name]) if name == "mrope_section" else rope[name] for name in TextShape.__dataclass_fields__ if name in rope}
    shape = Shape(VisionShape(**{name: vision[name] for name in VisionShape.__dataclass_fields__ if name in vision}), TextShape(**own))
    model = Glm4v(shape)
    model.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    return model.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))

"""Writes trained weights as a model folder in the hub's layout: fp16 safetensors, configuration, tokenizer, chat template."""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from .folder import load_folder
from .model import Glm4v, Shape, TextShape
from .pixels import LARGEST, MEAN, MERGE, PATCH, SMALLEST, STD
from .tokenizer import build_tokenizer, vocabulary_size

TEMPLATE = Path(__file__).parent.parent / "chat_template.jinja"


def config(shape: Shape, tokenizer: Tokenizer) -> dict:
    """config.json as the published classes read it."""
    token = tokenizer.token_to_id
    text, vision = shape.text, shape.vision
    return {
        "architectures": ["Glm4vForConditionalGeneration"],
        "model_type": "glm4v",
        "dtype": "float16",
        "tie_word_embeddings": False,
        "image_token_id": token("<|image|>"),
        "image_start_token_id": token("<|begin_of_image|>"),
        "image_end_token_id": token("<|end_of_image|>"),
        "video_token_id": token("<|video|>"),
        "video_start_token_id": token("<|begin_of_video|>"),
        "video_end_token_id": token("<|end_of_video|>"),
        "text_config": {
            "model_type": "glm4v_text",
            "vocab_size": text.vocab_size,
            "hidden_size": text.hidden_size,
            "intermediate_size": text.intermediate_size,
            "num_hidden_layers": text.num_hidden_layers,
            "num_attention_heads": text.num_attention_heads,
            "num_key_value_heads": text.num_key_value_heads,
            "head_dim": text.head_dim,
            "hidden_act": "silu",
            "attention_bias": True,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "rms_norm_eps": text.rms_norm_eps,
            "max_position_embeddings": text.max_position_embeddings,
            "use_cache": True,
            "eos_token_id": stops(tokenizer),
            "pad_token_id": token("<|endoftext|>"),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": text.rope_theta,
                "partial_rotary_factor": text.partial_rotary_factor,
                "mrope_section": list(text.mrope_section),
            },
        },
        "vision_config": {
            "model_type": "glm4v_vision",
            "hidden_size": vision.hidden_size,
            "depth": vision.depth,
            "num_heads": vision.num_heads,
            "intermediate_size": vision.intermediate_size,
            "out_hidden_size": vision.out_hidden_size,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "temporal_patch_size": vision.temporal_patch_size,
            "spatial_merge_size": vision.spatial_merge_size,
            "in_channels": vision.in_channels,
            "hidden_act": "silu",
            "hidden_dropout_prob": 0.0,
            "attention_bias": False,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "rms_norm_eps": vision.rms_norm_eps,
            "rope_parameters": {"rope_type": "axial", "rope_theta": 10000.0},
        },
    }


def stops(tokenizer: Tokenizer) -> list[int]:
    return [tokenizer.token_to_id(name) for name in ("<|endoftext|>", "<|user|>", "<|observation|>")]


def write(folder: Path, name: str, value: dict) -> None:
    (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def export(model: Glm4v, tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    write(folder, "config.json", config(model.shape, tokenizer))
    tokenizer.save(str(folder / "tokenizer.json"))
    shutil.copy(TEMPLATE, folder / "chat_template.jinja")
    write(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>",
                                            "pad_token": "<|endoftext|>", "padding_side": "left"})
    write(folder, "generation_config.json", {"eos_token_id": stops(tokenizer), "pad_token_id": tokenizer.token_to_id("<|endoftext|>"), "do_sample": False})
    write(folder, "preprocessor_config.json", {
        "image_processor_type": "Glm46VImageProcessor",
        "processor_class": "Glm46VProcessor",
        # Both count the two equal frames of a still picture.
        "size": {"shortest_edge": 2 * SMALLEST, "longest_edge": 2 * LARGEST},
        "do_rescale": True,
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": list(MEAN),
        "image_std": list(STD),
    })


def from_checkpoint(path: Path, average: bool) -> tuple[Glm4v, Tokenizer]:
    """The model of a checkpoint: the running average of its weights, or the weights of its last step."""
    saved = torch.load(path, weights_only=True)
    tokenizer = build_tokenizer()
    model = Glm4v(Shape(text=TextShape(vocab_size=vocabulary_size(tokenizer))))
    model.load_state_dict(saved["model"])
    if average:
        with torch.no_grad():
            for own, value in zip(model.parameters(), saved["average"]):
                own.copy_(value)
    return model.eval(), tokenizer


@torch.no_grad()
def mix(model: Glm4v, tokenizer: Tokenizer, folder: Path, share: float) -> None:
    """Moves the model's weights to `share` of them and the rest of a model folder's (WiSE-FT: Wortsman et al. 2021,
    arXiv:2109.01903). Raises ValueError when the folder has other tokens."""
    other, others = load_folder(folder)
    if others.get_vocab() != tokenizer.get_vocab():
        raise ValueError(f"{folder} has other tokens than the checkpoint")
    for own, value in zip(model.parameters(), other.parameters(), strict=True):
        own.copy_(share * own + (1 - share) * value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--last", action="store_true", help="the last step's weights instead of their running average")
    parser.add_argument("--mix", type=Path, help="model folder whose weights are mixed in")
    parser.add_argument("--share", type=float, default=0.5, help="of the checkpoint's weights in the mixture")
    arguments = parser.parse_args()
    model, tokenizer = from_checkpoint(arguments.checkpoint, not arguments.last)
    if arguments.mix:
        mix(model, tokenizer, arguments.mix, arguments.share)
    export(model, tokenizer, arguments.out)
    print(sum(file.stat().st_size for file in arguments.out.iterdir()) / 1e6, "MB in", arguments.out)


if __name__ == "__main__":
    main()

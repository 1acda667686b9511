"""Compares an exported folder, as this package runs it, with the transformers classes: pixels, prompt tokens, positions, logits."""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast
from transformers.models.glm4v import Glm4vForConditionalGeneration
from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil

from . import chat
from .folder import load_folder
from .lessons import Kind, draw
from .pixels import LARGEST, MERGE, PATCH, SMALLEST, STEP, fit, patches

CONVERSATIONS = (  # picture sizes, turns (the last answer is left open), system message, thinking
    ([(90, 40)], ["图中文字写了什么？"], None, False),
    ([(224, 288)], ["What is the total?"], None, True),
    ([(640, 640)], ["合计多少？"], None, False),
    ([(333, 201)], ["列出所有金额", "合计多少？"], "You read receipts.", False),
    ([(112, 144), (304, 96)], ["价格是多少？"], None, False),
)


def own_prompt(tokenizer, grids, questions: list[str], system: str | None, think: bool) -> chat.Conversation:
    conversation = chat.start(tokenizer, system)
    for index, question in enumerate(questions):
        chat.user(conversation, grids if index == 0 else [], question, think)
        if index + 1 < len(questions):
            conversation.text("12.50")
    return conversation


def messages(count: int, questions: list[str], system: str | None) -> list[dict]:
    made = [{"role": "system", "content": system}] if system else []
    for index, question in enumerate(questions):
        pictures = [{"type": "image"}] * count if index == 0 else []
        made.append({"role": "user", "content": [*pictures, {"type": "text", "text": question}]})
        if index + 1 < len(questions):
            made.append({"role": "assistant", "content": "12.50"})
    return made


@torch.no_grad()
def compare(folder: Path) -> float:
    """The largest difference of logits over all conversations; stops at the first other difference."""
    model, tokenizer = load_folder(folder)
    reference = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    published = PreTrainedTokenizerFast.from_pretrained(folder)
    processor = Glm46VImageProcessorPil(size={"shortest_edge": 2 * SMALLEST, "longest_edge": 2 * LARGEST}, patch_size=PATCH, temporal_patch_size=2, merge_size=MERGE)
    source, worst = random.Random(5), 0.0
    for sizes, questions, system, think in CONVERSATIONS:
        text = Kind("text", 1, {"text": 1}, (0, 0), (0, 0))
        images = [draw(source, text, *size)[0][0] for size in sizes]
        fitted = [fit(image) for image in images]
        pixels = [torch.from_numpy(patches(image)) for image in fitted]
        processed = processor(images=images, return_tensors="pt")
        theirs = processed["pixel_values"].view(-1, 3, 2, PATCH**2)[:, :, 0].reshape(-1, 3 * PATCH**2)
        assert torch.allclose(torch.cat(pixels), theirs, atol=1e-5), f"pixels of {sizes} differ by {(torch.cat(pixels) - theirs).abs().max()}"

        grids = [(image.height // STEP, image.width // STEP) for image in fitted]
        conversation = own_prompt(tokenizer, grids, questions, system, think)
        thinking = {} if think else {"enable_thinking": False}
        text = published.apply_chat_template(messages(len(sizes), questions, system), tokenize=False, add_generation_prompt=True, **thinking)
        for rows, columns in grids:
            text = text.replace("<|image|>", "<|placeholder|>" * (rows * columns), 1)
        ids = published.encode(text.replace("<|placeholder|>", "<|image|>"), add_special_tokens=False)
        assert ids == conversation.ids, f"prompt of {questions} differs"

        batch = torch.tensor([ids])
        image_token = tokenizer.token_to_id("<|image|>")
        output = reference(input_ids=batch, attention_mask=torch.ones_like(batch), pixel_values=processed["pixel_values"],
                           image_grid_thw=processed["image_grid_thw"], mm_token_type_ids=(batch == image_token).long())
        seen = torch.cat([model.see(pixel[None], MERGE * rows, MERGE * columns)[0] for pixel, (rows, columns) in zip(pixels, grids)])
        hidden = model.think(model.embed(batch, seen, image_token), torch.from_numpy(np.array(conversation.positions).T)[:, None])
        difference = (model.lm_head(hidden)[0, -1] - output.logits[0, -1]).abs().max().item()
        print(sizes, questions, "logits differ by", difference)
        worst = max(worst, difference)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    worst = compare(parser.parse_args().model)
    assert worst < 1e-3, f"logits differ by {worst}"


if __name__ == "__main__":
    main()

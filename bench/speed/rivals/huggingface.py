"""Answers measurements of a GLM-OCR folder run by Hugging Face transformers on PyTorch's CPU, in bf16: one JSON a line.

    python huggingface.py MODEL_DIR THREADS
"""

import json
import sys
import time

import torch

from transformers import GlmOcrForConditionalGeneration


def text_ids(rows, count):
    return torch.randint(1000, 50000, (rows, count))


@torch.inference_mode()
def decode(model, rows, prompt, tokens):
    """Tokens a second of a static batch: of the decode steps alone, and with the prefill."""
    ids = text_ids(rows, prompt)
    options = dict(do_sample=False, eos_token_id=None, attention_mask=torch.ones_like(ids))
    for _ in range(2):  # the first run of a shape is slower; the second is the prefill
        start = time.perf_counter()
        model.generate(input_ids=ids, max_new_tokens=1, min_new_tokens=1, **options)
        first = time.perf_counter()
    model.generate(input_ids=ids, max_new_tokens=tokens, min_new_tokens=tokens, **options)
    end = time.perf_counter()
    whole = end - first
    steps = max(whole - (first - start), 1e-9)
    return {"decode": rows * (tokens - 1) / steps, "whole": rows * tokens / whole}


@torch.inference_mode()
def first_token(model, side, words):
    """Seconds to the first token about a picture of side x side patches, already cut into patches."""
    image = torch.full((1, side * side // 4), model.config.image_token_id)
    ids = torch.cat([text_ids(1, 4), image, text_ids(1, words)], dim=1)
    inputs = dict(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == model.config.image_token_id).int(),
        pixel_values=torch.randn(side * side, 3 * 2 * 14 * 14, dtype=torch.bfloat16),
        image_grid_thw=torch.tensor([[1, side, side]]),
    )
    start = time.perf_counter()
    model.generate(**inputs, max_new_tokens=1, do_sample=False)
    return {"seconds": time.perf_counter() - start}


def main():
    torch.set_num_threads(int(sys.argv[2]))
    model = GlmOcrForConditionalGeneration.from_pretrained(sys.argv[1], dtype=torch.bfloat16).eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        kind = asked.pop("measure")
        answer = {"decode": decode, "first_token": first_token}[kind](model, **asked)
        print(json.dumps(answer), flush=True)


main()

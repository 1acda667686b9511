"""What a model begins with."""

import tempfile
import unittest
from pathlib import Path

import torch

from glm4v_tiny.beginnings import from_folder, from_scratch
from glm4v_tiny.export import export
from glm4v_tiny.model import Glm4v, Shape, TextShape, VisionShape
from glm4v_tiny.tokenizer import build_tokenizer, vocabulary_size


class WarmStart(unittest.TestCase):
    def test_more_vision_blocks_see_what_fewer_saw(self) -> None:
        tokenizer = build_tokenizer()
        with_blocks = lambda depth: Glm4v(Shape(VisionShape(depth=depth), TextShape(vocab_size=vocabulary_size(tokenizer))))
        few, many = with_blocks(2), with_blocks(4)
        for model in (few, many):
            from_scratch(model)
        with tempfile.TemporaryDirectory() as folder:
            export(few.half().float(), tokenizer, Path(folder))  # as exactly as the folder holds them
            from_folder(many, Path(folder), tokenizer)
        pixels = torch.randn(1, 4 * 6, 192)
        with torch.no_grad():
            torch.testing.assert_close(many.see(pixels, 4, 6), few.see(pixels, 4, 6))


if __name__ == "__main__":
    unittest.main()

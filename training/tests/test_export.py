"""What is written into a model folder."""

import tempfile
import unittest
from pathlib import Path

import torch

from glm4v_tiny.export import export, mix
from glm4v_tiny.folder import load_folder
from glm4v_tiny.model import Glm4v, Shape, TextShape
from glm4v_tiny.tokenizer import build_tokenizer, vocabulary_size


class Mixing(unittest.TestCase):
    def test_weights_move_by_the_share_of_the_folder(self) -> None:
        tokenizer = build_tokenizer()
        shape = Shape(text=TextShape(vocab_size=vocabulary_size(tokenizer)))
        mine, other = Glm4v(shape), Glm4v(shape)
        mixed = Glm4v(shape)
        mixed.load_state_dict(mine.state_dict())
        with tempfile.TemporaryDirectory() as folder:
            export(other, tokenizer, Path(folder))
            mix(mixed, tokenizer, Path(folder), 0.25)
            kept, _ = load_folder(Path(folder))
        for a, b, between in zip(mine.parameters(), kept.parameters(), mixed.parameters(), strict=True):
            torch.testing.assert_close(between, 0.25 * a + 0.75 * b)

    def test_a_folder_with_other_tokens_is_refused(self) -> None:
        tokenizer = build_tokenizer()
        model = Glm4v(Shape(text=TextShape(vocab_size=vocabulary_size(tokenizer))))
        with tempfile.TemporaryDirectory() as folder:
            export(model, tokenizer, Path(folder))
            tokenizer.add_tokens(["another"])
            with self.assertRaisesRegex(ValueError, "other tokens"):
                mix(model, tokenizer, Path(folder), 0.5)


if __name__ == "__main__":
    unittest.main()

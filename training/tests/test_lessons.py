"""Drawings at other sizes, and answers with mistakes in them."""

import random
import time
import unittest
from collections.abc import Callable
from contextlib import suppress

import torch
from PIL import Image

from glm4v_tiny.alphabet import CLASS_OF
from glm4v_tiny.chat import IGNORE
from glm4v_tiny.difficulty import Difficulty
from glm4v_tiny.lessons import ENLARGED_TO, Kind, choose_size
from glm4v_tiny.page import Mark
from glm4v_tiny.pixels import STEP
from glm4v_tiny.places import places
from glm4v_tiny.scene import DoesNotFit, Scene
from glm4v_tiny.scenes.screen import error_screen
from glm4v_tiny.scenes.shapes import shapes
from glm4v_tiny.scenes.text import number
from glm4v_tiny.slips import begins, characters, with_slips
from glm4v_tiny.tokenizer import build_tokenizer
from glm4v_tiny.views import resize

SEED = int(time.time())


class Sizes(unittest.TestCase):
    def test_marks_stay_on_the_ink(self) -> None:
        image = Image.new("L", (40, 30), 0)
        image.putpixel((30, 6), 255)
        larger, (mark,) = resize((image, [Mark(30.5, 6.5, CLASS_OF["a"], 1)]), 120, 60)
        self.assertEqual(larger.getpixel((int(mark.x), int(mark.y))), max(larger.get_flattened_data()))

    def test_small_pictures_are_also_seen_scaled_up(self) -> None:
        source, kind = random.Random(SEED), Kind("any", 1, {"text": 1}, (96, 480), (64, 320))
        scaled = 0
        for _ in range(300):
            width, height, scale = choose_size(source, kind)
            self.assertEqual((width % STEP, height % STEP), (0, 0), f"seed {SEED}")
            if scale > 1:
                scaled += 1
                self.assertTrue(ENLARGED_TO[0] <= width * height <= 1.4 * ENLARGED_TO[1], f"seed {SEED}: {width}x{height}")
        self.assertGreater(scaled, 50)


def drawn(make: Callable[..., Scene], tries: int, width: int, height: int) -> list[Scene]:
    """The scenes that fit, of so many tries."""
    source, scenes = random.Random(SEED), []
    for _ in range(tries):
        with suppress(DoesNotFit):
            scenes.append(make(source, width, height, Difficulty(roughness=0)))
    assert scenes, f"seed {SEED}: none fits"
    return scenes


class Pictures(unittest.TestCase):
    def test_no_shapes_are_counted_twice_and_all_that_are_there_are_counted(self) -> None:
        for scene in drawn(shapes, 40, 240, 200):
            counted = [turn.counted for turn in scene.short]
            self.assertEqual(len(counted), len(set(counted)), f"seed {SEED}")
            self.assertTrue(all(frozenset((mark.name,)) in counted for mark in scene.page.marks), f"seed {SEED}")

    def test_a_number_alone_is_all_there_is(self) -> None:
        for scene in drawn(number, 40, 200, 80):
            asked = {turn.task: turn.answer for _, turn in scene.turns}
            self.assertRegex(asked["read"], r"^\d+$", f"seed {SEED}")
            self.assertEqual(len(scene.page.marks), len(asked["read"]), f"seed {SEED}")


class Screens(unittest.TestCase):
    def test_every_character_of_a_message_stands_on_the_screen_and_hardly_anything_beside_it_is_met_twice(self) -> None:
        beside = []
        for scene in drawn(error_screen, 80, 400, 240):
            asked = {turn.task: turn.answer for _, turn in scene.turns}
            found = places(asked["error"], [scene.page.marks])
            unseen = [character for character, options in zip(asked["error"], found) if character != " " and not options]
            self.assertEqual(unseen, [], f"seed {SEED}: {asked}")
            beside += [line for line in asked["read"].split("\n") if line not in asked["error"]]
        self.assertGreater(len(set(beside)), 0.6 * len(beside), f"seed {SEED}")


class Slips(unittest.TestCase):
    """The answers "cat" and "dog" after a prompt of two tokens, in one conversation."""

    def setUp(self) -> None:
        self.tokenizer = build_tokenizer()
        ids = lambda text: self.tokenizer.encode(text, add_special_tokens=False).ids
        self.end = self.tokenizer.token_to_id("<|user|>")
        self.ids = torch.tensor([[*ids("??cat"), self.end, *ids("??dog"), self.end]])
        self.targets = self.ids.clone()
        self.targets[0, [0, 1, 6, 7]] = IGNORE
        self.characters = characters(self.tokenizer)

    def after(self, text: str) -> str:
        said = torch.tensor([[self.end if letter == "_" else self.tokenizer.encode(letter, add_special_tokens=False).ids[0] for letter in text]])
        return self.tokenizer.decode(with_slips(self.ids, self.targets, said, self.characters)[0].tolist(), skip_special_tokens=True)

    def test_a_misread_character_takes_the_place_of_the_right_one(self) -> None:
        self.assertEqual(self.after("?cot_??dag_"), "??cot??dag")

    def test_questions_ends_and_first_characters_stay(self) -> None:
        self.assertEqual(self.after("xkatxyyfogx"), "??cat??dog")

    def test_what_leaves_a_character_out_is_no_misreading(self) -> None:
        self.assertEqual(self.after("?ctx_??dgo_"), "??cax??doo")

    def test_gaps_and_ends_are_no_characters(self) -> None:
        self.assertEqual(self.after("?c_ _??d\no_"), "??cat??doo")

    def test_an_answer_begins_where_nothing_was_learned_before(self) -> None:
        self.assertEqual(begins(self.targets != IGNORE).nonzero()[:, 1].tolist(), [2, 8])


if __name__ == "__main__":
    unittest.main()

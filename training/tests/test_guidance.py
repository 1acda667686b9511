"""What heads are told is true of the pictures: `python -m unittest discover tests`, in the folder above."""

import math
import random
import re
import time
import unittest

import torch

from glm4v_tiny import chat
from glm4v_tiny.alphabet import BLANK, CHARACTERS, CLASS_OF, GAP
from glm4v_tiny.difficulty import Difficulty
from glm4v_tiny.fonts import pick_face
from glm4v_tiny.guidance import COUNTING, REST, guide_counts, guide_looks, numbers
from glm4v_tiny.lessons import NOT_READ, Kind, draw, looks, name_looks
from glm4v_tiny.links import AFTER, BELOW, NEXT, links
from glm4v_tiny.model import Glm4v, Shape
from glm4v_tiny.page import NOTHING, Mark, Page, Style, name_cells
from glm4v_tiny.places import Place, places, tokens_near
from glm4v_tiny.scene import Turn
from glm4v_tiny.tokenizer import build_tokenizer

SEED = int(time.time())


def page(*rows: str) -> list[Mark]:
    """Rows of characters 8 pixels wide and 16 high, each drawn at once."""
    return [Mark(8 * column, 16 * row, CLASS_OF[character], row)
            for row, text in enumerate(rows) for column, character in enumerate(text) if character in CLASS_OF]


class Places(unittest.TestCase):
    def test_a_character_is_read_where_that_character_stands(self) -> None:
        source = random.Random(SEED)
        kind = Kind("any", 1, {"receipt": 1, "tag": 1, "text": 1, "screen": 1, "form": 1}, (160, 160), (128, 128), difficulty=Difficulty())
        found = 0
        for _ in range(60):
            (_, marks), scene = draw(source, kind, 240, 200)
            at = {(mark.x, mark.y): CHARACTERS[mark.name - 1] for mark in marks}
            for _, turn in scene.turns:
                if turn.task in NOT_READ:
                    continue
                for character, options in zip(turn.answer, places(turn.answer, [marks])):
                    if character not in " \n":
                        self.assertLessEqual({at[place.x, place.y] for place in options}, {character}, f"seed {SEED}: {turn}")
                        found += bool(options)
        self.assertGreater(found, 1000)

    def test_lines_are_found_from_the_top_down(self) -> None:
        found = places("12\n12", [page("12", "x", "12")])
        self.assertEqual([[place.y for place in options] for options in found], [[0], [0], [0], [32], [32], [32]])

    def test_one_line_that_stands_there_twice_has_both_places(self) -> None:
        self.assertEqual(places("1", [page("1"), page("21")])[0], [Place(0, 0, 0), Place(1, 8, 0)])

    def test_words_apart_are_found_one_by_one_and_a_gap_at_the_character_before(self) -> None:
        found = places("Tea ¥12", [page("Tea", "SALE", "¥12")])
        self.assertEqual([options[0].y for options in found], [0, 0, 0, 0, 32, 32, 32, 32])
        self.assertEqual(found[3], found[2])

    def test_what_is_not_written_has_no_place(self) -> None:
        self.assertEqual(places("no", [page("12")]), [[], [], []])

    def test_visual_tokens_hold_the_character(self) -> None:
        self.assertEqual(tokens_near(Place(0, 24, 24), 3, 4), [5])  # in the middle of the token of row 1, column 1
        self.assertEqual(tokens_near(Place(0, 16, 8), 3, 4), [0, 1])  # between two
        self.assertEqual(tokens_near(Place(0, 0, 0), 3, 4), [0])  # the corner


class Names(unittest.TestCase):
    def test_what_is_centred_in_a_cell_and_what_stands_beside_it(self) -> None:
        sheet = Page(120, 40, (255, 255, 255), (0, 0, 0))
        sheet.text(4, 4, "我b c", Style(pick_face(random.Random(SEED)), 20))
        named = [(CHARACTERS[mark.name - 1], mark.then, mark.before) for mark in sheet.marks]
        self.assertEqual(named, [("我", CLASS_OF["b"], BLANK), ("b", GAP, CLASS_OF["我"]), ("c", BLANK, GAP)])
        cells = name_cells(sheet.marks, 5, 15)
        self.assertEqual({tuple(cell) for cell in cells.reshape(-1, 3)},
                         {(mark.name, mark.then, mark.before) for mark in sheet.marks} | {(BLANK, NOTHING, NOTHING)})

    def test_a_name_that_stands_there_in_part_only_is_seen_nowhere(self) -> None:
        conversation = chat.lesson(build_tokenizer(), [(3, 2)], [Turn("not there", "Green Tea?", "Not in the image", "Green Tea")], False, None)
        names, hops, _ = name_looks(conversation, [page("Tea", "12")], (3, 2))
        self.assertEqual((names, len(hops)), ([], 1))

    def test_every_shape_is_named_once(self) -> None:
        kind = Kind("any", 1, {"shapes": 1}, (160, 160), (160, 160), difficulty=Difficulty(roughness=0))
        (_, marks), scene = draw(random.Random(SEED), kind, 160, 160)
        (described,) = {turn.answer for _, turn in scene.turns if turn.task == "describe"}
        self.assertEqual(len(marks), sum(map(int, re.findall(r"\d+", described))), f"seed {SEED}")

    def test_a_name_in_a_question_is_seen_where_it_stands_and_foretold_nowhere(self) -> None:
        rows = page("Tea", "12")
        turns = [Turn("item price", "How much is the tea?", "12", "Tea")]
        conversation = chat.lesson(build_tokenizer(), [(3, 2)], turns, False, None)
        answers, (names, hops, _) = looks(conversation, [rows], (3, 2)), name_looks(conversation, [rows], (3, 2))
        said = lambda found: [conversation.tokenizer.decode([conversation.ids[token]]) for token in dict.fromkeys(token for token, _ in found)]
        self.assertEqual((said(answers), said(names)), (["1", "2", ""], ["t", "e", "a"]))
        self.assertTrue({seen - conversation.pictures[0] for _, seen in names} <= {0, 1})
        self.assertEqual(hops, [(conversation.answers[0][0] - 1, names[-1][0])])


class Looks(unittest.TestCase):
    def test_what_comes_after_a_name_or_a_line_has_a_loss_of_its_own(self) -> None:
        torch.manual_seed(SEED)
        watched = [tuple(torch.randn(2, 5, 8, 8) for _ in range(3)) for _ in range(6)]
        looks, none = torch.tensor([[0, 5, 1], [0, 6, 2], [1, 5, 3]]), torch.zeros(0, 3, dtype=torch.long)
        found = guide_looks(watched, looks, none, torch.tensor([[1, 4, 2]]), torch.tensor([[0, 5]]))
        named, lined = (guide_looks(watched, part, none, none, none) for part in (looks[2:], looks[1:2]))
        for layer, head in ((4, 0), (4, 3)):
            self.assertEqual(found[f"begin{layer}.{head}"], named[f"look{layer}.{head}"])
            self.assertEqual(found[f"row{layer}.{head}"], lined[f"look{layer}.{head}"])
        self.assertFalse(any(name.startswith(("begin", "hop", "row")) for name in named | lined))


class Counts(unittest.TestCase):
    def test_what_counts_is_what_the_answer_says(self) -> None:
        source = random.Random(SEED)
        kind = Kind("any", 1, {"shapes": 1}, (160, 160), (160, 160), difficulty=Difficulty(roughness=0))
        checked = 0
        for _ in range(20):
            (_, marks), scene = draw(source, kind, 160, 160)
            for _, turn in scene.turns:
                if turn.counted:
                    conversation = chat.lesson(build_tokenizer(), [(10, 10)], [turn], False, None)
                    _, _, rows = name_looks(conversation, [marks], (10, 10))
                    seen, first = len({part for _, _, part in rows}) - 1, conversation.pictures[0]
                    self.assertTrue(all(first <= token < first + 100 for _, token, _ in rows[1:]), f"seed {SEED}: {turn}")
                    self.assertIn(turn.answer, (str(seen), "有" if seen else "没有", "Yes" if seen else "No"), f"seed {SEED}: {turn}")
                    checked += 1
        self.assertGreater(checked, 60)

    def test_numbers_are_told_at_their_names(self) -> None:
        names, many = numbers(torch.tensor([[0, 5, 0, 0], [0, 5, 2, 1], [0, 5, 3, 1], [0, 5, 4, 2], [0, 9, 0, 0], [1, 5, 0, 0], [1, 5, 3, 1]]))
        self.assertEqual((names.tolist(), many.tolist()), ([[0, 5], [0, 9], [1, 5]], [2, 0, 1]))

    def test_attention_in_equal_shares_is_no_loss(self) -> None:
        torch.manual_seed(SEED)
        keys = torch.eye(8)[None, None].repeat(1, 5, 1, 1)
        queries = torch.full((1, 5, 8, 8), -90.0)
        queries[..., 5, 0], queries[..., 5, [2, 4]] = 0.0, -math.log(REST)
        watched = [(queries * 8**0.5, keys, keys)] * 6
        first, *shapes = [0, 5, 0, 0], [0, 5, 1, 1], [0, 5, 2, 1], [0, 5, 3, 2], [0, 5, 4, 2]  # two tokens each, one of them looked at
        right, wrong = guide_counts(watched, torch.tensor([first, *shapes])), guide_counts(watched, torch.tensor([first, *shapes[:2]]))
        self.assertEqual(set(right), {f"count{layer}.{head}" for layer, head in COUNTING})
        self.assertTrue(all(loss.item() < 1e-5 for loss in right.values()) and all(loss.item() > 0.01 for loss in wrong.values()))


class Links(unittest.TestCase):
    def test_from_the_end_of_a_piece_to_the_one_after_and_the_one_below(self) -> None:
        marks = [Mark(4, 4, CLASS_OF["a"], 1), Mark(60, 4, CLASS_OF["1"], 2), Mark(4, 28, CLASS_OF["b"], 3), Mark(60, 28, CLASS_OF["2"], 4)]
        patch = {(0, 0): 0, (0, 7): 13, (3, 0): 18, (3, 7): 31}  # row, column of an 8 x 4 grid in merge order
        found = links(marks, 64, 32)
        for relation, start, end in ((AFTER, (0, 0), (0, 7)), (AFTER, (0, 7), (3, 0)), (BELOW, (0, 0), (3, 0)), (BELOW, (0, 7), (3, 7))):
            self.assertIn((relation, patch[start], patch[end]), found)
        self.assertEqual({(link.relation, link.start) for link in found if link.start == patch[3, 7]}, set())

    def test_from_a_character_to_the_next_one_of_its_piece(self) -> None:
        marks = [Mark(4, 4, CLASS_OF["a"], 1), Mark(29, 3, CLASS_OF["b"], 1), Mark(44, 20, CLASS_OF["c"], 2)]
        found = [(link.start, link.end) for link in links(marks, 64, 32) if link.relation == NEXT]
        self.assertEqual(set(found), {(0, 5), (0, 8)})  # columns 3 and 4 of the first row: their middles are 1 and 7 pixels away

    def test_rows_of_dots_and_what_is_outside_are_no_pieces(self) -> None:
        marks = [Mark(4, 4, CLASS_OF["a"], 1), *(Mark(x, 4, CLASS_OF["."], 2) for x in (20, 24)), Mark(80, 4, CLASS_OF["1"], 3)]
        self.assertEqual(links(marks, 64, 32), [])


class Fetching(unittest.TestCase):
    def test_what_all_heads_fetch_of_the_only_token_is_what_its_layer_adds(self) -> None:
        model, watched, states = Glm4v(Shape()), [], []
        with torch.no_grad():
            model.think(torch.randn(1, 1, model.shape.text.hidden_size), torch.zeros(3, 1, 1, dtype=torch.long), watched=watched, states=states)
            block = model.model.language_model.layers[4]
            angles = model.angles(torch.zeros(3, 1, 1, dtype=torch.long), torch.float32)
            added = block.post_self_attn_layernorm(block.self_attn(block.input_layernorm(states[3]), *angles, None, None))[0]
            values = watched[4][2].transpose(1, 2)[0]
            torch.testing.assert_close(model.fetch(4, (0, 1, 2, 3, 4), values), added)
            self.assertFalse(torch.allclose(model.fetch(4, (0, 3), values), added))


if __name__ == "__main__":
    unittest.main()

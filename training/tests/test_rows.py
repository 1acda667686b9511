"""Receipts in every arrangement."""

import random
import time
import unittest
from itertools import combinations

from glm4v_tiny.fonts import pick_face
from glm4v_tiny.page import Page, Style
from glm4v_tiny.scene import DoesNotFit
from glm4v_tiny.scenes.rows import Rows, draw_row, pick_rows

SEED = int(time.time())
Piece = tuple[float, float, float, float]  # middles of the first and last character: x, y, x, y


def pieces(page: Page) -> list[Piece]:
    runs = {mark.run: [other for other in page.marks if other.run == mark.run] for mark in page.marks}
    return [(marks[0].x, marks[0].y, marks[-1].x, marks[-1].y) for marks in runs.values()]


class Arrangements(unittest.TestCase):
    def test_nothing_is_drawn_over_another_or_outside(self) -> None:
        source = random.Random(SEED)
        seen = set()
        for _ in range(300):
            page, style = Page(source.randint(120, 300), 200, (255, 255, 255), (0, 0, 0)), Style(pick_face(source), source.randint(11, 24))
            rows, y, drawn = pick_rows(source, page, style, "en"), 2.0, 0
            while y + rows.lines() * rows.step <= page.height:
                try:
                    draw_row(page, y, source.choice(("Tea", "Olive oil", "Sunglasses x2")), source.choice(("0.99", "12.50", "4263.00")), style, rows)
                    drawn += 1
                except DoesNotFit:
                    pass
                y += rows.step * rows.lines()
            where = f"seed {SEED}: {rows}"
            self.assertTrue(all(0 < mark.x < page.width and 0 < mark.y < page.height for mark in page.marks), where)
            for one, other in combinations(pieces(page), 2):
                beside = one[2] < other[0] or other[2] < one[0]
                self.assertTrue(beside or abs(one[1] - other[1]) > 0.9 * style.size, where)
            if drawn > 1:
                seen.add((rows.order, rows.first))
        self.assertEqual(len(seen), 8, f"seed {SEED}: {seen}")

    def test_a_row_is_read_in_the_order_in_which_it_stands(self) -> None:
        page, style = Page(300, 100, (255, 255, 255), (0, 0, 0)), Style(pick_face(random.Random(SEED)), 14)
        read = lambda **how: draw_row(page, 2, "Tea", "9.50", style, Rows(4, 290, 20, **how))
        self.assertEqual(read(), "Tea 9.50")
        self.assertEqual(read(first=True, currency="¥"), "¥9.50 Tea")
        self.assertEqual(read(order="column", column=150), "Tea 9.50")
        self.assertEqual(read(order="joined", separator=": "), "Tea: 9.50")
        self.assertEqual(read(order="under", column=20), "Tea\n9.50")

    def test_what_would_touch_is_refused(self) -> None:
        page, style = Page(60, 100, (255, 255, 255), (0, 0, 0)), Style(pick_face(random.Random(SEED)), 20)
        for order in ("apart", "joined", "column", "under"):
            with self.assertRaises(DoesNotFit):
                draw_row(page, 2, "Sunglasses", "4263.00", style, Rows(4, 58, 26, order, column=30))
        self.assertEqual(page.marks, [])


if __name__ == "__main__":
    unittest.main()

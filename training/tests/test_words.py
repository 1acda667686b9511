"""Words with other letters than they have."""

import random
import string
import unittest

from glm4v_tiny.words import misspelt

SEED = random.randrange(2**32)


class Misspelt(unittest.TestCase):
    def test_it_keeps_its_length_and_all_but_three_letters_and_any_place_may_change(self) -> None:
        source, changed = random.Random(SEED), set()
        for word in ("a", "an", "jest", "rejection"):
            for _ in range(200):
                said = misspelt(source, word)
                where = f"{said!r} of {word!r}, seed {SEED}"
                self.assertEqual(len(said), len(word), where)
                self.assertLessEqual(set(said), set(string.ascii_lowercase), where)
                others = {place for place, (letter, right) in enumerate(zip(said, word)) if letter != right}
                self.assertLessEqual(len(others), 3, where)
                changed |= {(word, place) for place in others}
        self.assertEqual(changed, {(word, place) for word in ("a", "an", "jest", "rejection") for place in range(len(word))}, f"seed {SEED}")


if __name__ == "__main__":
    unittest.main()

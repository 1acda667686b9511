"""Labels with values, as on a form, a card or a settings page: people ask for one of them."""

import random

from ..difficulty import Difficulty
from ..look import blank_page, pick_size, pick_style
from ..questions import NOT_THERE, ask, language
from ..scene import DoesNotFit, Scene
from ..words import chinese, english, identifier, mixed, words
from .text import cut_to_width

ASK_VALUE = {"zh": ("{x}是什么?", "{x}是多少?", "{x}？", "图中的{x}是什么?"), "en": ("What is the {x}?", "What's the {x}?", "{x}?", "What is the value of {x}?")}


def form(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    page = blank_page(random, width, height, difficulty.dark)
    way = "zh" if random.random() < difficulty.chinese else "en"
    style = pick_style(random, pick_size(random, difficulty.smallest, min(difficulty.largest, 28, max(difficulty.smallest, height // 4))))
    step, left = style.size * random.uniform(1.25, 2), random.uniform(3, 10)
    labels = [label for label in random.sample(words("labels", way), 12) if len(label) > 1 and label[-1] not in "!.?"]
    column = random.choice((0, 0, width * 0.4))  # values right behind their labels, or in a column
    y, pairs = random.uniform(1, 6), []
    mark = random.choice(("：", ":") if way == "zh" else (":",)) if not column or random.random() < 0.5 else ""
    for label in labels[: random.randint(2, 8)]:
        if y + 1.2 * style.size > height:
            break
        head = label + mark
        x = max(left + column, left + style.width(head) + 0.3 * style.size)
        value = random.choice((identifier, identifier, lambda r: mixed(r, way), lambda r: chinese(r, difficulty.reach) if way == "zh" else english(r)))(random)
        value = cut_to_width(value, style, width - x - 2)
        if not value:
            continue
        page.text(left, y, head, style)
        page.text(x, y, value, style)
        pairs.append((label, head, value))
        y += step
    if len(pairs) < 2:
        raise DoesNotFit
    scene, asked = Scene(page), language(random)
    for _ in range(2):
        label, _, value = random.choice(pairs)
        question = random.choice(ASK_VALUE[way]).replace("{x}", label if way == "zh" or random.random() < 0.5 else label.lower())
        scene.ask(2.5, "value", question, value, label)
    missing = random.choice([label for label in labels if all(label != pair[0] for pair in pairs)] or ["无"])
    scene.ask(1, "not there", random.choice(ASK_VALUE[way]).replace("{x}", missing), NOT_THERE[way], missing)
    scene.ask(2, "read", ask(random, "read", asked), "\n".join(f"{head} {value}" for _, head, value in pairs))
    return scene

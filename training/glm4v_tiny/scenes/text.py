"""Lines of free text: the plainest picture and the one that teaches reading."""

import random
from collections.abc import Callable

from ..alphabet import ASCII
from ..difficulty import Difficulty
from ..look import accent, blank_page, is_dark, pick_size, pick_style, shade
from ..page import Page, Style
from ..questions import NOT_THERE, ask, language
from ..scene import DoesNotFit, Scene
from ..words import chinese, common_word, english, identifier, marked_up, mixed, narrow_marks, pick_han, whole_number, words


def content(random: random.Random, difficulty: Difficulty) -> str:
    """A piece of text for one line."""
    way, kind = "zh" if random.random() < difficulty.chinese else "en", random.random()
    if kind < 0.1:
        return " ".join(random.choice((common_word(random, way), random.choice(words("goods", way)))) for _ in range(random.randint(2, 3)))
    if kind < 0.22:
        return marked_up(random, way if random.random() < 0.6 else "en")
    if kind < 0.43:
        return narrow_marks(random, mixed(random, way))
    if way == "zh":
        return narrow_marks(random, chinese(random, difficulty.reach))
    return english(random) if kind < 0.79 else identifier(random)


def scattered(random: random.Random, difficulty: Difficulty) -> str:
    """A piece of text to name characters in, half of the time characters at random: in words the commonest two hundred come
    five times as often as the rarer half."""
    if random.random() < 0.5:
        return content(random, difficulty)
    if random.random() < difficulty.chinese:
        return pick_han(random, random.randint(2, 8), difficulty.reach)
    return "".join(random.choice(ASCII) for _ in range(random.randint(3, 10)))


def cut_to_width(text: str, style: Style, width: float) -> str:
    """As much of the text as fits, whole words if it has any."""
    while text and style.width(text) > width:
        shorter = text.rsplit(" ", 1)[0] if " " in text else text[: max(1, int(len(text) * width / style.width(text)))]
        text = shorter if shorter != text else text[:-1]
    return text.strip()


def surround(random: random.Random, page: Page) -> float:
    """Puts what is no text around the text, three times in ten: a frame, a panel, a bar at the left. Gives how many pixels of
    each edge it takes."""
    kind = random.random()
    if kind > 0.3 or min(page.width, page.height) < 60:
        return 0.0
    inset, thick = random.uniform(0, 6), random.choice((1, 1, 2, 3, 5))
    colour = random.choice((accent(random, page), page.ink, shade(random, 110, 200, 20)))
    x1, y1, radius = page.width - 1 - inset, page.height - 1 - inset, random.choice((0, 0, 5, 12))
    if kind < 0.12:
        page.box(inset, inset, x1, y1, colour, colour, radius)
        page.box(inset + thick, inset + thick, x1 - thick, y1 - thick, page.background, None, radius)
    elif kind < 0.22:
        page.box(inset, inset, x1, y1, tuple(value + (24 if is_dark(page.background) else -18) for value in page.background), None, radius)
    else:
        page.box(inset, inset, inset + thick, y1, colour)
    return inset + thick + 2


def unforeseen(random: random.Random, difficulty: Difficulty) -> str:
    """Mostly a row of characters at random: what cannot be guessed has to be read."""
    kind = random.random()
    if kind < 0.2:
        return content(random, difficulty)
    if kind < 0.3 + 0.7 * difficulty.chinese:
        return pick_han(random, random.randint(2, 16), difficulty.reach)
    return "".join(random.choice(ASCII) for _ in range(random.randint(3, 20)))


def sheet(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    """Lines to copy. Characters that are rare in words were named right by the auxiliary head and said wrong."""
    return text_lines(random, width, height, difficulty, unforeseen)


def number(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    """A number alone. On small pictures, which are scaled up the most, digits were left out."""
    return text_lines(random, width, height, difficulty, numbers=1.0)


def text_lines(random: random.Random, width: int, height: int, difficulty: Difficulty,
               write: Callable[[random.Random, Difficulty], str] = content, numbers: float = 0.15) -> Scene:
    """A number alone, or one to many lines, dense enough that few pixels are wasted; one style for all or one for each line."""
    page = blank_page(random, width, height, difficulty.dark)
    edge = surround(random, page)
    size = pick_size(random, difficulty.smallest, min(difficulty.largest, max(difficulty.smallest, int(height / 1.25))))
    style, same = pick_style(random, size), random.random() < 0.6
    alone = random.random() < numbers
    few = 1 if alone else random.choice((1, 2, 3, 100, 100, 100))
    y, lines = edge + random.uniform(0, max(4, height - 2 * edge - 1.6 * size * few)), []
    at = random.choice((0, 0, 0, 0.5, 1))  # left, in the middle, right
    left, right = edge + random.uniform(1, max(1.5, width * 0.06)), width - edge - 1
    ruled = random.random() < 0.1
    while len(lines) < few:
        if not same and lines:
            style = pick_style(random, pick_size(random, difficulty.smallest, difficulty.largest))
        if y + 1.2 * style.size > height - edge:
            break
        text = cut_to_width(whole_number(random, 10 ** random.randint(1, 9)) if alone else write(random, difficulty), style, right - left)
        if text:
            free = max(0.0, right - left - style.width(text))
            x = left + (free * at if at else random.uniform(0, free) if not same or len(lines) == 0 and few == 1 else 0)
            page.text(x, y, text, style, accent(random, page) if random.random() < 0.1 else None)
            lines.append(text)
        y += style.size * random.uniform(1.2, 1.7 if same else 1.5)
        if ruled:
            page.line(left, right, y - 0.02 * style.size, dash=random.choice((0, 0, 3)))
            y += 0.15 * style.size
        if few == 1:
            break
    if not lines:
        raise DoesNotFit
    scene = Scene(page)
    add_questions(random, scene, lines)
    return scene


def add_questions(random: random.Random, scene: Scene, lines: list[str]) -> None:
    """Mostly: read it all."""
    way = language(random)
    whole = "\n".join(lines)
    scene.ask(8, "read", ask(random, "read", way), whole)
    if len(lines) == 1 and lines[0].isdigit():
        scene.ask(4, "read", ask(random, "number", way), whole)
    if len(lines) > 1:
        scene.ask(0.7, "title", ask(random, "title", way), lines[0])
    if whole.count("\n") < 3:
        scene.ask(0.3, "describe", ask(random, "describe", way), ("文字：" if way == "zh" else "Text: ") + whole)
    if not any(character in whole for character in "¥$."):
        scene.ask(0.4, "not there", ask(random, random.choice(("total", "price", "amounts")), way), NOT_THERE[way])


def dense(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    """As much text as the page holds, for lessons in which only the characters are named."""
    page = blank_page(random, width, height, difficulty.dark)
    style = pick_style(random, pick_size(random, difficulty.smallest, min(difficulty.largest, int(height / 1.3))))
    same, y = random.random() < 0.5, random.uniform(0, 4)
    while y + 1.15 * style.size <= height:
        text, room = scattered(random, difficulty), width - 4
        while style.width(text) < room:
            text += random.choice((" ", "  ", "")) + scattered(random, difficulty)
        page.text(random.uniform(0, 4), y, text, style, accent(random, page) if random.random() < 0.1 else None)
        y += style.size * random.uniform(1.12, 1.5)
        if not same:
            style = pick_style(random, pick_size(random, difficulty.smallest, min(difficulty.largest, int(height / 1.3))))
    return Scene(page)

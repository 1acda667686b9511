"""Screens with an error on them: a dialog, a terminal, a notice, a page."""

import random

from ..alphabet import has_han
from ..difficulty import Difficulty
from ..look import accent, accents, blank_page, pick_size, pick_style, shade
from ..page import Colour, Page, Style
from ..questions import NOT_THERE, ask, language
from ..scene import DoesNotFit, Scene
from ..words import capital, english, error_message, invented_error, log_line, narrow_marks, spoken, words

TITLES = {"zh": ("错误", "提示", "系统提示", "警告", "出错了", "应用程序错误", "温馨提示", "网页"),
          "en": ("Error", "Warning", "Application Error", "System", "Alert", "Message", "Oops!", "Problem", "setup.exe", "Terminal")}
BUTTONS = {"zh": ("确定", "取消", "重试", "关闭", "忽略", "详情", "返回"), "en": ("OK", "Cancel", "Retry", "Close", "Ignore", "Details", "Back")}


def wrap(text: str, style: Style, width: float) -> list[str]:
    """Breaks a text into lines: between words in English, anywhere in Chinese."""
    pieces = list(text) if has_han(text) else text.replace(" ", "\n ").split("\n")
    lines, line = [], ""
    for piece in pieces:
        if line and style.width(line + piece) > width:
            lines.append(line)
            line = piece.lstrip()
        else:
            line += piece
    lines.append(line)
    if any(style.width(line) > width for line in lines):
        raise DoesNotFit
    return lines


def heading(random: random.Random, way: str) -> str:
    """Above a message; invented half of the time, so that it is told from the message by its place."""
    if random.random() < 0.5:
        return random.choice(TITLES[way])
    return capital(spoken(random, way, 3 if way == "zh" else 4)) + random.choice(("", "", "", "!", "..."))


def error_colour(random: random.Random, page: Page) -> Colour:
    """Red more often than not."""
    return accents(page)[0] if random.random() < 0.6 else accent(random, page)


def error_screen(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    way = "zh" if random.random() < difficulty.chinese else "en"
    message = narrow_marks(random, (invented_error if random.random() < 0.6 else error_message)(random, way))
    draw = random.choices((dialog, terminal, notice), (3, 4 if way == "en" else 3, 3))[0]
    scene, title, lines = draw(random, width, height, difficulty, way, message)
    asked = language(random)
    scene.ask(6, "error", ask(random, "error", asked), message)
    if title:
        scene.ask(0.8, "title", ask(random, "title", asked), title)
    scene.ask(1, "read", ask(random, "read", asked), "\n".join(lines))
    scene.ask(0.3, "describe", ask(random, "describe", asked), ("报错截图：" if asked == "zh" else "An error message: ") + message)
    scene.ask(0.6, "not there", ask(random, random.choice(("total", "date", "shop", "price")), asked), NOT_THERE[asked])
    return scene


def dialog(random: random.Random, width: int, height: int, difficulty: Difficulty, way: str, message: str):
    """A window with a title bar, the message and one or two buttons."""
    page = blank_page(random, width, height, 0.35)
    face_style = pick_style(random, pick_size(random, difficulty.smallest, min(24, difficulty.largest, max(difficulty.smallest, height // 5))))
    size = face_style.size
    x0, y0 = random.uniform(0, width * 0.06), random.uniform(0, height * 0.06)
    x1, y1 = width - 1 - random.uniform(0, width * 0.06), height - 1 - random.uniform(0, height * 0.06)
    if random.random() < 0.6:
        page.box(x0, y0, x1, y1, page.background, shade(random, 100, 180, 10), random.choice((0, 4, 8)))
    lines, title, y = [], None, y0 + 4
    if random.random() < 0.75 and y1 - y0 > 4.5 * size:
        title = heading(random, way)
        bar = accent(random, page) if random.random() < 0.3 else None
        if bar:
            page.box(x0, y0, x1, y0 + 1.5 * size + 4, bar)
        if face_style.width(title) > x1 - x0 - 10:
            raise DoesNotFit
        page.text(x0 + 6, y0 + 3, title, face_style, page.background if bar else None)
        lines.append(title)
        y = y0 + 1.5 * size + 8
    left = x0 + random.uniform(4, 10)
    if random.random() < 0.3 and x1 - left > 10 * size:
        page.box(left, y, left + 1.3 * size, y + 1.3 * size, accent(random, page), None, 0.65 * size)
        left += 1.3 * size + 6
    wrapped = wrap(message, face_style, x1 - left - 4)
    step = size * random.uniform(1.2, 1.5)
    bottom = y + len(wrapped) * step
    with_buttons = random.random() < 0.7 and bottom + 1.6 * size < y1 - 4
    if bottom > y1:
        raise DoesNotFit
    y += random.uniform(0, max(0, y1 - bottom - (1.9 * size if with_buttons else 0) - 4))
    colour = accent(random, page) if random.random() < 0.25 else None
    for line in wrapped:
        page.text(left, y, line, face_style, colour)
        y += step
    lines += wrapped
    if with_buttons:
        lines += draw_buttons(random, page, way, face_style, x0, x1, y1)
    return Scene(page), title, lines


def draw_buttons(random: random.Random, page, way: str, style: Style, x0: float, x1: float, y1: float) -> list[str]:
    """Draws them at the lower right; gives the line they make when read, or nothing."""
    names = random.sample(BUTTONS[way], random.choice((1, 1, 2)))
    size = style.size
    widths = [style.width(name) + size for name in names]
    if sum(widths) + 8 * len(names) > x1 - x0 - 4:
        return []
    x = x1 - sum(widths) - 8 * len(names)
    if random.random() < 0.3:
        x = (x0 + x1 - sum(widths) - 8 * (len(names) - 1)) / 2
    for name, wide in zip(names, widths):
        filled = random.random() < 0.3
        page.box(x, y1 - 1.75 * size, x + wide, y1 - 4, accent(random, page) if filled else None, shade(random, 100, 180, 5), 3)
        page.text(x + size / 2, y1 - 1.6 * size - 1, name, style, page.background if filled else None)
        x += wide + 8
    return [" ".join(names)]


def terminal(random: random.Random, width: int, height: int, difficulty: Difficulty, way: str, message: str):
    """Ordinary lines with the error among them, mostly light on dark."""
    page = blank_page(random, width, height, 0.8)
    style = pick_style(random, pick_size(random, difficulty.smallest, min(22, max(difficulty.smallest, height // 4))))
    step, left = style.size * random.uniform(1.2, 1.45), random.uniform(2, 8)
    wrapped = wrap(message, style, width - left - 2)
    room = int((height - 4) // step)
    if room < len(wrapped):
        raise DoesNotFit
    colour = error_colour(random, page) if random.random() < 0.75 else None
    anything = lambda: english(random) if colour and random.random() < 0.3 else log_line(random)  # only the colour tells some from the error
    said = (anything() for _ in range(random.randint(0, min(room - len(wrapped), 5))))
    others = [line for line in said if style.width(line) < width - left - 2]
    place = random.randint(0, len(others))
    rows = [(line, None) for line in others[:place]] + [(line, colour) for line in wrapped] + [(line, None) for line in others[place:]]
    y = random.uniform(1, 4)
    for line, fill in rows:
        page.text(left, y, line, style, fill)
        y += step
    return Scene(page), None, [line for line, _ in rows]


def notice(random: random.Random, width: int, height: int, difficulty: Difficulty, way: str, message: str):
    """The message alone, in the middle or at the top, sometimes on a coloured strip, sometimes under a label or a heading."""
    page = blank_page(random, width, height, 0.3)
    style = pick_style(random, pick_size(random, difficulty.smallest, min(difficulty.largest, max(difficulty.smallest, height // 3))))
    wrapped = wrap(message, style, width - 10)
    step = style.size * random.uniform(1.2, 1.5)
    needed = len(wrapped) * step
    if needed > height - 6:
        raise DoesNotFit
    y = random.uniform(3, max(3.1, height - needed - 3))
    lines, title, centred = [], None, random.random() < 0.5
    if y > 1.6 * style.size and random.random() < 0.7:
        label, above = random.choice(words("labels", way)), heading(random, way)
        bold = Style(style.face, style.size * random.choice((1, 1, 1.25)), bold=0.03 * style.size)
        if random.random() < 0.4:
            if style.width(label) < width - 10:
                page.text(5, random.uniform(0, y - 1.5 * style.size), label, style)
                lines.append(label)
        elif bold.size * 1.4 < y and bold.width(above) < width - 10:
            page.text((width - bold.width(above)) / 2 if centred else 5, y - bold.size * 1.3, above, bold, error_colour(random, page))
            title, lines = above, [above]
    if random.random() < 0.25:
        strip = shade(random, 215, 250, 30)
        page.box(1, y - 2, width - 2, y + needed + 1, strip, accent(random, page))
        page.background, page.ink = strip, shade(random, 0, 90, 40)
    colour = error_colour(random, page) if random.random() < 0.3 and not title else None
    for line in wrapped:
        page.text((width - style.width(line)) / 2 if centred else 5, y, line, style, colour)
        y += step
    return Scene(page), title, lines + wrapped

"""A price tag: a product's name and its price."""

import random

from ..difficulty import Difficulty
from ..look import accent, blank_page, pick_size, pick_style
from ..page import Style
from ..questions import NOT_THERE, ask, language
from ..scene import DoesNotFit, Scene
from ..words import money, words

EXTRAS = {
    "zh": ("会员价", "特价", "今日特价", "现价", "产地：中国", "规格：500克", "单位：件", "等级：一级", "每斤", "欢迎选购"),
    "en": ("SALE", "Special offer", "Best price", "Today only", "each", "per kg", "In stock", "New", "Item No. 1042", "Size M"),
}


def fitting_style(random: random.Random, text: str, width: float, low: int, high: int) -> Style:
    """A style in which the text is no wider than `width`."""
    for _ in range(8):
        style = pick_style(random, pick_size(random, low, max(low, high)))
        if style.width(text) <= width:
            return style
        high = max(low, int(high * 0.8))
    raise DoesNotFit


def price_tag(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    way = "zh" if random.random() < difficulty.chinese else "en"
    name, price = random.choice(words("goods", way)), random.choice("¥¥$") + money(random)
    page = blank_page(random, width, height, difficulty.dark)
    name_style = fitting_style(random, name, width - 6, difficulty.smallest, min(difficulty.largest, height // 3))
    price_style = fitting_style(random, price, width - 6, difficulty.smallest, min(difficulty.largest + 6, height // 2))
    rows = [(name, name_style, None), (price, price_style, accent(random, page) if random.random() < 0.5 else None)]
    for _ in range(random.choice((0, 0, 1, 2)) if height > 70 else 0):
        extra = random.choice(EXTRAS[way])
        try:
            style = fitting_style(random, extra, width - 6, difficulty.smallest, min(22, height // 5))
        except DoesNotFit:
            continue
        rows.insert(random.randint(0, len(rows)), (extra, style, None))
    needed = sum(1.25 * style.size for _, style, _ in rows)
    if needed > height - 4:
        raise DoesNotFit
    gap = (height - 4 - needed) / (len(rows) + 1)
    if random.random() < 0.4:
        page.box(1, 1, width - 2, height - 2, None, accent(random, page), random.choice((0, 0, 6, 12)))
    align, y = random.choice(("left", "centre", "loose")), 2 + random.uniform(0, gap)
    left = random.uniform(3, 8)
    for text, style, fill in rows:
        free = max(0.0, width - 3 - left - style.width(text))
        page.text(left + (free / 2 if align == "centre" else random.uniform(0, free) if align == "loose" else 0), y, text, style, fill)
        y += 1.25 * style.size + random.uniform(0.3, 1) * gap
    scene = Scene(page)
    add_questions(random, scene, way, name, price, [text for text, _, _ in rows])
    return scene


def add_questions(random: random.Random, scene: Scene, written: str, name: str, price: str, lines: list[str]) -> None:
    way = language(random)
    scene.ask(4, "tag", ask(random, "tag", way), f"{name} {price}")
    scene.ask(2.5, "price", ask(random, "price", way), price)
    scene.ask(1.5, "product", ask(random, "product", way), name)
    scene.ask(0.8, "item price", ask(random, "item price", written, name), price[1:], name)
    scene.ask(1, "read", ask(random, "read", way), "\n".join(lines))
    scene.ask(0.3, "describe", ask(random, "describe", way), f"{'价格标签：' if way == 'zh' else 'A price tag: '}{name} {price}")
    scene.ask(0.5, "amounts", ask(random, "amounts", way), price[1:])
    other = random.choice([word for word in words("goods", written) if word not in name and name not in word])
    scene.ask(0.6, "not there", ask(random, "item price", written, other), NOT_THERE[written], other)
    scene.ask(0.7, "not there", ask(random, random.choice(("date", "error", "error")), way), NOT_THERE[way])

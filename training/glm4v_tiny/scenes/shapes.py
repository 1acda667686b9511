"""Coloured circles, squares and triangles to count."""

import math
import random
from collections import Counter

from ..alphabet import CLASS_OF
from ..difficulty import Difficulty
from ..look import blank_page, shade
from ..page import Colour, Mark, Page
from ..questions import NO, NOT_THERE, YES, ask, language
from ..scene import DoesNotFit, Scene, Turn

COLOURS: dict[str, tuple[Colour, str]] = {
    "red": ((215, 40, 40), "红色"), "green": ((40, 160, 60), "绿色"), "blue": ((40, 80, 215), "蓝色"), "yellow": ((238, 208, 40), "黄色"),
    "black": ((20, 20, 20), "黑色"), "orange": ((242, 140, 30), "橙色"), "purple": ((140, 50, 170), "紫色"),
}
KINDS = {"circle": ("圆形", "圆", "圆形"), "square": ("正方形", "方块", "正方形"), "triangle": ("三角形", "三角形", "三角形")}
Shape = tuple[str, str]  # kind, colour


def draw_shape(random: random.Random, page: Page, kind: str, colour: str, x: float, y: float, size: float, outline: Colour | None) -> None:
    scale = page.oversample
    page.runs += 1
    page.marks.append(Mark(x + size / 2, y + size / 2, CLASS_OF[f"{colour} {kind}"], page.runs))
    fill = tuple(max(0, min(255, value + random.randint(-15, 15))) for value in COLOURS[colour][0])
    edge = {"fill": fill, "outline": outline, "width": round(1.5 * scale) if outline else 0}
    if kind == "circle":
        page.draw.ellipse((x * scale, y * scale, (x + size) * scale, (y + size) * scale), **edge)
        return
    corners = 4 if kind == "square" else 3
    upright = -math.pi / 2 if kind == "triangle" else math.pi / 4
    turn = upright + (random.uniform(-0.25, 0.25) if random.random() < 0.2 else 0)
    radius = size / 2 * (1.2 if kind == "square" and turn == upright else 1.05)
    cx, cy = x + size / 2, y + size / 2 + (size * 0.08 if kind == "triangle" else 0)
    page.draw.polygon([((cx + radius * math.cos(turn + i * math.tau / corners)) * scale,
                        (cy + radius * math.sin(turn + i * math.tau / corners)) * scale) for i in range(corners)], **edge)


def place(random: random.Random, width: int, height: int, size: float, boxes: list) -> tuple[float, float] | None:
    """A free spot for a square of this size, or None."""
    for _ in range(25):
        x, y = random.uniform(3, width - size - 3), random.uniform(3, height - size - 3)
        if all(x + size + 5 < bx or bx + bs + 5 < x or y + size + 5 < by or by + bs + 5 < y for bx, by, bs in boxes):
            boxes.append((x, y, size))
            return x, y
    return None


def shapes(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    page = blank_page(random, width, height, 0)
    if sum(page.background) < 550:
        raise DoesNotFit
    shapes: list[Shape] = []
    boxes: list = []
    kinds = random.sample(list(KINDS), random.choice((1, 2, 3)))
    colours = random.sample(list(COLOURS), random.choice((1, 2, 3, 4)))
    largest = min(width, height) / random.choice((2.2, 3, 4, 5))
    outline = shade(random, 40, 130, 10) if random.random() < 0.2 else None
    for _ in range(random.choice((1, 2, 3, 4, 5, 6, 7, 8, 9))):
        size = random.uniform(13, max(16, largest))
        spot = place(random, width, height, size, boxes)
        if spot:
            shape = (random.choice(kinds), random.choice(colours))
            draw_shape(random, page, *shape, *spot, size, outline)
            shapes.append(shape)
    if not shapes:
        raise DoesNotFit
    scene = Scene(page)
    add_questions(random, scene, shapes)
    return scene


def name(random: random.Random, way: str, kind: str | None, colour: str | None, many: bool = True) -> str:
    """"红色圆形", "red circles", "red shapes", ..."""
    if way == "zh":
        return (COLOURS[colour][1] + random.choice(("", "", "的")) if colour else "") + (random.choice(KINDS[kind]) if kind else "图形")
    plural = "s" if many else ""
    return (f"{colour} " if colour else "") + (kind or "shape") + plural


def matches(shape: Shape, kind: str | None, colour: str | None) -> bool:
    return kind in (None, shape[0]) and colour in (None, shape[1])


def classes(kind: str | None, colour: str | None) -> frozenset[int]:
    """Of all shapes of this kind and colour."""
    return frozenset(CLASS_OF[f"{c} {k}"] for k in KINDS for c in COLOURS if matches((k, c), kind, colour))


def count(random: random.Random, way: str, shapes: list[Shape], kind: str | None, colour: str | None) -> Turn:
    """How many there are of a kind, a colour, both, or at all."""
    asked = name(random, way, kind, colour)
    many = sum(matches(shape, kind, colour) for shape in shapes)
    return Turn("shapes", ask(random, "count shapes", way, asked), str(many), asked, classes(kind, colour))


def describe(way: str, shapes: list[Shape]) -> str:
    order = list(KINDS), list(COLOURS)
    counted = sorted(Counter(shapes).items(), key=lambda item: (order[1].index(item[0][1]), order[0].index(item[0][0])))
    if way == "zh":
        return "，".join(f"{count}个{COLOURS[colour][1]}{KINDS[kind][0]}" for (kind, colour), count in counted)
    return ", ".join(f"{count} {colour} {kind}{'s' * (count > 1)}" for (kind, colour), count in counted)


def add_questions(random: random.Random, scene: Scene, shapes: list[Shape]) -> None:
    way = language(random)
    present = random.choice(shapes)
    absent = (random.choice(list(KINDS)), random.choice(list(COLOURS)))
    target = present if random.random() < 0.75 else absent
    for weight, kind, colour in ((4, *target), (2, target[0], None), (2, None, target[1]), (2, None, None)):
        scene.turns.append((weight, count(random, way, shapes, kind, colour)))
    matched = {pair for kind, colour in shapes for pair in ((kind, colour), (kind, None), (None, colour), (None, None))}
    others = {(random.choice(list(KINDS)), random.choice((*COLOURS, None))) for _ in range(4)}
    scene.short += [count(random, way, shapes, kind, colour) for kind, colour in sorted(matched | others, key=str)]
    target = present if random.random() < 0.5 else absent
    for weight, kind, colour in ((2, *target), (0.5, None, random.choice(list(COLOURS)))):
        there, asked = any(matches(shape, kind, colour) for shape in shapes), name(random, way, kind, colour, many=False)
        scene.ask(weight, "yes no", ask(random, "is shape", way, asked), (YES if there else NO)[way], asked, classes(kind, colour))
    if len(shapes) == 1:
        answer = COLOURS[present[1]][1] + KINDS[present[0]][0] if way == "zh" else f"{present[1]} {present[0]}"
        scene.ask(3, "shapes", ask(random, "which shape", way), answer)
    same = {shape[1] for shape in shapes if shape[0] == present[0]}
    if len(same) == 1:
        scene.ask(1, "shapes", ask(random, "what colour", way, name(random, way, present[0], None, many=False)), COLOURS[present[1]][1] if way == "zh" else present[1])
    missing = [kind for kind in KINDS if all(shape[0] != kind for shape in shapes)]
    if missing:
        scene.ask(0.4, "not there", ask(random, "what colour", way, name(random, way, random.choice(missing), None, many=False)), NOT_THERE[way])
    scene.ask(0.7, "describe", ask(random, "describe", way), describe(way, shapes))
    scene.ask(0.5, "not there", ask(random, random.choice(("read", "total", "price", "error", "amounts")), way), NOT_THERE[way])

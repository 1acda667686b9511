"""A receipt or a price list: a head, rows of goods with amounts, often a total."""

import random
from dataclasses import dataclass, field

from ..difficulty import Difficulty
from ..look import blank_page, is_dark, pick_size, pick_style, shade
from ..page import Page, Style
from ..questions import NO, NOT_THERE, YES, ask, language
from ..scene import DoesNotFit, Scene, Turn
from ..words import money, words
from .rows import Rows, draw_heads, draw_row, draw_rules, pick_rows

TOTALS = {"zh": ("合计", "总计", "总额", "总金额", "应付", "共计", "小计", "合计：", "总计:"),
          "en": ("TOTAL", "Total", "Sum", "Total:", "TOTAL DUE", "Amount due", "Grand total", "Total amount", "Subtotal")}
AFTER = {"zh": (("现金", "找零"), ("实收", "找零")), "en": (("Cash", "Change"), ("CASH", "CHANGE"))}


@dataclass
class Receipt:
    """What is written on it, top to bottom."""

    way: str  # language
    shop: str | None = None
    date: str | None = None
    rows: list[tuple[str, str]] = field(default_factory=list)  # name, amount
    total: str | None = None
    after: list[str] = field(default_factory=list)  # amounts below the total
    lines: list[str] = field(default_factory=list)  # every line as it is read


def receipt(random: random.Random, width: int, height: int, difficulty: Difficulty) -> Scene:
    page = blank_page(random, width, height, difficulty.dark * 0.4)
    if random.random() < 0.5 and not is_dark(page.background):
        page.draw.rectangle((0, 0, *page.image.size), fill=shade(random, 232, 255, 8))
    paper = Receipt("zh" if random.random() < difficulty.chinese else "en")
    largest = max(difficulty.smallest, min(difficulty.largest - 8, width // 9, height // 5, 28))
    style = pick_style(random, pick_size(random, difficulty.smallest, largest))
    rows = pick_rows(random, page, style, paper.way)
    y = draw_head(random, page, paper, style, rows)
    y = draw_rows(random, page, paper, style, rows, y)
    draw_foot(random, page, paper, style, rows, y)
    scene = Scene(page)
    add_questions(random, scene, paper)
    return scene


def draw_head(random: random.Random, page: Page, paper: Receipt, style: Style, rows: Rows) -> float:
    """Shop, date, number; as much as a picture of this height can spare. Gives the next free y."""
    step = rows.step
    y = random.uniform(2, 10)
    spare = page.height - y - 2.5 * step
    head = Style(style.face, round(style.size * random.choice((1, 1, 1.2, 1.5))), style.spacing, style.bold)
    if random.random() < 0.6 and spare > step:
        shop = random.choice(words("shops", paper.way))
        if head.width(shop) < page.width - 4:
            x = (page.width - head.width(shop)) / 2 if random.random() < 0.7 else rows.left
            page.text(x, y, shop, head)
            y += step * head.size / style.size
            paper.shop = shop
            paper.lines.append(shop)
    if random.random() < 0.35 and spare > 3 * step:
        date = random.choice(("{0}-{1:02d}-{2:02d}", "{0}/{1:02d}/{2:02d}")).format(random.randint(2018, 2027), random.randint(1, 12), random.randint(1, 28))
        label = random.choice(("", "日期：" if paper.way == "zh" else "Date: "))
        clock = random.choice(("", f" {random.randint(0, 23):02d}:{random.randint(0, 59):02d}"))
        if style.width(label + date + clock) < page.width - rows.left - 2:
            page.text(rows.left, y, label + date + clock, style)
            y += step
            paper.date = date
            paper.lines.append(label + date + clock)
    if random.random() < 0.2 and spare > 4 * step:
        number = random.choice(("单号：", "No.", "桌号：", "Order #") if paper.way == "zh" else ("No.", "Order #", "Table ", "Tel: ")) + str(random.randint(1, 99999))
        if style.width(number) < page.width - rows.left - 2:
            page.text(rows.left, y, number, style)
            y += step
            paper.lines.append(number)
    if random.random() < 0.3:
        page.line(rows.left, rows.right, y + 1, dash=random.choice((0, 3, 5)))
        y += 5
    return y


def draw_rows(random: random.Random, page: Page, paper: Receipt, style: Style, rows: Rows, y: float) -> float:
    high = rows.step * rows.lines()
    if random.random() < 0.12 and rows.order != "joined" and (heads := draw_heads(random, page, y, paper.way, style, rows)):
        paper.lines.append(heads)
        y += high
    room = int((page.height - y) // high) - (1 if random.random() < 0.8 else 0)
    if room < 1:
        raise DoesNotFit
    quantity, top = random.random() < 0.15, y
    for _ in range(random.randint(max(1, min(room, 9) // 2), min(room, 12))):
        for _ in range(6):
            name, amount = random.choice(words("goods", paper.way)), money(random)
            shown = f"{name} x{random.randint(1, 9)}" if quantity else name
            shown = f"{len(paper.rows) + 1}. {shown}" if rows.numbered and not rows.first else shown
            try:
                paper.lines.append(draw_row(page, y, shown, amount, style, rows))
            except DoesNotFit:
                continue
            paper.rows.append((name, amount))
            y += high
            break
    if not paper.rows:
        raise DoesNotFit
    if rows.rules:
        draw_rules(random, page, top, len(paper.rows), style, rows)
    return y


def draw_foot(random: random.Random, page: Page, paper: Receipt, style: Style, rows: Rows, y: float) -> None:
    """The total when there is room, then perhaps cash and change, then perhaps a greeting."""
    step, needed = rows.step * rows.lines(), (rows.lines() - 1) * rows.step + 1.2 * style.size
    if y + needed > page.height:
        return
    tabled = rows.rules and random.random() < 0.5
    if not tabled and random.random() < 0.35 and y + step + 5 < page.height:
        page.line(rows.left, rows.right, y + 2, dash=random.choice((0, 3, 5)))
        y += 6
    if random.random() < 0.82 and y + needed <= page.height:
        cents = sum(round(float(amount) * 100) for _, amount in paper.rows)
        total = f"{cents // 100}.{cents % 100:02d}"
        large = Style(style.face, style.size * random.choice((1, 1, 1, 1.25)), style.spacing, style.bold + random.choice((0, 0, 0.03 * style.size)))
        label = random.choice(TOTALS[paper.way])
        label = label.rstrip(":：") if rows.order == "joined" else label
        try:
            paper.lines.append(draw_row(page, y, label, total, large, rows))
        except DoesNotFit:
            return
        if tabled:
            draw_rules(random, page, y, 1, style, rows)
        paper.total = total
        y += step * large.size / style.size
        if random.random() < 0.15 and y + 2 * step < page.height:
            change = random.randint(0, 5000)
            for label, value in zip(random.choice(AFTER[paper.way]), (cents + change, change)):
                amount = f"{value // 100}.{value % 100:02d}"
                paper.lines.append(draw_row(page, y, label, amount, style, rows))
                paper.after.append(amount)
                y += step
    if random.random() < 0.25 and y + needed < page.height:
        greeting = random.choice(("谢谢惠顾", "欢迎再次光临") if paper.way == "zh" else ("THANK YOU", "Please come again", "Thank you!"))
        if style.width(greeting) < page.width - 4:
            page.text((page.width - style.width(greeting)) / 2, y, greeting, style)
            paper.lines.append(greeting)


def add_questions(random: random.Random, scene: Scene, paper: Receipt) -> None:
    way = language(random)
    names = [name for name, _ in paper.rows]
    amounts = [amount for _, amount in paper.rows] + ([paper.total] if paper.total else []) + paper.after
    scene.ask(5, "amounts", ask(random, "amounts", way), "\n".join(amounts))
    if paper.total:
        scene.ask(3.5, "total", ask(random, "total", way), paper.total)
    else:
        scene.ask(3.5, "not there", ask(random, "total", way), NOT_THERE[way])
    single = [row for row in paper.rows if sum(row[0] in name for name in names) == 1]
    if single:
        name, amount = random.choice(single)
        scene.ask(3, "item price", ask(random, "item price", paper.way, name), amount, name)
        scene.ask(0.4, "is there", ask(random, "is item", paper.way, name), YES[paper.way], name)
        scene.short += [Turn("item price", ask(random, "item price", paper.way, name), amount, name) for name, amount in single]
    absent = [word for word in words("goods", paper.way) if not any(word in name or name in word for name in names)]
    other, *others = random.sample(absent, 1 + len(single) // 2)
    scene.ask(2.4, "not there", ask(random, "item price", paper.way, other), NOT_THERE[paper.way], other)
    scene.short += [Turn("not there", ask(random, "item price", paper.way, name), NOT_THERE[paper.way], name) for name in (other, *others)]
    scene.ask(0.4, "is there", ask(random, "is item", paper.way, other), NO[paper.way], other)
    scene.ask(2.6, "items", ask(random, "items", way), "\n".join(names))
    scene.ask(1.0, "read", ask(random, "read", way), "\n".join(paper.lines))
    scene.ask(0.3, "count items", ask(random, "count items", way), str(len(names)))
    scene.ask(0.5 if paper.shop else 0.15, "shop" if paper.shop else "not there", ask(random, "shop", way), paper.shop or NOT_THERE[way])
    scene.ask(0.6 if paper.date else 0.2, "date" if paper.date else "not there", ask(random, "date", way), paper.date or NOT_THERE[way])
    scene.ask(0.2, "not there", ask(random, "error", way), NOT_THERE[way])
    scene.ask(0.4, "describe", ask(random, "describe", way), describe(way, paper))


def describe(way: str, paper: Receipt) -> str:
    """"A receipt: STAR CAFE, 3 items, total 12.50", as much of it as is there."""
    count = len(paper.rows)
    if way == "zh":
        parts = ["一张小票" + (f"：{paper.shop}" if paper.shop else ""), f"{count}件商品", f"合计 {paper.total}" if paper.total else ""]
        return "，".join(part for part in parts if part)
    parts = ["A receipt" + (f": {paper.shop}" if paper.shop else ""), f"{count} item{'s' * (count > 1)}", f"total {paper.total}" if paper.total else ""]
    return ", ".join(part for part in parts if part)

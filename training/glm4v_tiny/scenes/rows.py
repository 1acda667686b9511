"""How a name and an amount make a row of a receipt: there is no end of ways, and what is asked for must be found in each."""

import random
from dataclasses import dataclass, replace

from ..look import shade
from ..page import Page, Style
from ..scene import DoesNotFit

WIDEST = "8888.88"  # what a column for amounts has room for
SEPARATORS = (":", ": ", " - ", " = ", " | ", " / ", "  ", "   ", "     ")
HEADS = {"zh": (("品名", "金额"), ("商品", "价格"), ("名称", "单价"), ("项目", "费用")),
         "en": (("Item", "Amount"), ("Product", "Price"), ("Name", "Cost"), ("DESCRIPTION", "PRICE"))}


@dataclass
class Rows:
    """Where names and amounts stand."""

    left: float
    right: float
    step: float  # pixels from one line to the next
    order: str = "apart"  # "apart", "joined" (one after the other), "column" (amounts begin under one another), "under" (a line each)
    first: bool = False  # the amount comes first
    currency: str = ""
    leader: str = ""  # fills the space between name and amount, "" for none
    separator: str = " "  # of what is joined
    column: float = 0.0  # where the second of "column" begins, or what is "under" another
    flush: bool = False  # what is "under" another ends at the right instead
    divider: float = 0.0  # x of a rule between the two of "apart", 0 for none
    rules: bool = False  # between the rows
    numbered: bool = False

    def lines(self) -> int:
        """Of one row."""
        return 2 if self.order == "under" else 1


def pick_rows(random: random.Random, page: Page, style: Style, way: str) -> Rows:
    margin = random.uniform(3, max(4.0, page.width * 0.08))
    right = page.width - margin if random.random() < 0.85 else page.width - margin - random.uniform(0, page.width / 5)
    rows = Rows(margin, right, style.size * random.uniform(1.22, 1.8), currency=random.choice(("¥", "$", "", "", "￥" if way == "zh" else "")))
    rows.order = random.choices(("apart", "joined", "column", "under"), (5, 1.5, 1.8, 2.7))[0]
    rows.first = random.random() < {"apart": 0.18, "joined": 0.3, "column": 0.5, "under": 0.12}[rows.order]
    rows.rules = random.random() < 0.2
    rows.numbered = random.random() < 0.08
    amount = style.width(rows.currency + WIDEST)
    if rows.order == "apart":
        rows.leader = random.choice(("", "", "", "."))
        if rows.rules and random.random() < 0.6:
            rows.divider = margin + amount + 4 if rows.first else right - amount - 4
    elif rows.order == "joined":
        rows.separator = random.choice(SEPARATORS)
    elif rows.order == "column":
        rows.column = margin + amount + style.size * random.uniform(0, 1.5) if rows.first else max(margin + 3 * style.size, right - amount - random.uniform(0, page.width / 4))
    else:
        rows.column = margin + random.choice((0, 1, 2, 3)) * style.size
        rows.flush = not rows.first and random.random() < 0.6
    return rows


def draw_row(page: Page, y: float, name: str, amount: str, style: Style, rows: Rows) -> str:
    """Gives the row as it is read. Raises DoesNotFit where the two would touch or leave the page."""
    amount = rows.currency + amount
    one, other = (amount, name) if rows.first else (name, amount)
    gap = 0.4 * style.size
    end, wide = rows.left + style.width(one), style.width(other)
    if rows.order == "under":
        x = rows.right - wide if rows.flush else rows.column
        if max(end, x + wide) > page.width - 1 or x < rows.left:
            raise DoesNotFit
        page.text(rows.left, y, one, style)
        page.text(x, y + rows.step, other, style)
        return f"{one}\n{other}"
    if rows.order == "joined":
        line = f"{one}{rows.separator}{other}"
        if rows.left + style.width(line) > page.width - 2:
            raise DoesNotFit
        page.text(rows.left, y, line, style)
        return f"{one} {other}" if rows.separator.isspace() else line
    x = rows.right - wide if rows.order == "apart" else rows.column
    if end + gap > x or x + wide > page.width - 1 or rows.divider and not end + 2 < rows.divider < x - 2:
        raise DoesNotFit
    page.text(rows.left, y, one, style)
    page.text(x, y, other, style)
    if rows.leader:
        count = int((x - end - 2 * gap) / max(1.0, style.width(rows.leader)))
        page.text(end + gap, y, rows.leader * count, style)
    return f"{one} {other}"


def draw_heads(random: random.Random, page: Page, y: float, way: str, style: Style, rows: Rows) -> str | None:
    """What the columns hold, above them: as it is read, or nothing where it does not fit."""
    name, amount = random.choice(HEADS[way])
    try:
        return draw_row(page, y, name, amount, style, replace(rows, currency="", leader="", divider=0.0))
    except DoesNotFit:
        return None


def draw_rules(random: random.Random, page: Page, top: float, count: int, style: Style, rows: Rows) -> None:
    """Above, between and below rows whose text boxes begin at `top`; with the divider, at times with a frame."""
    colour = random.choice((page.ink, shade(random, 110, 190, 10)))
    high = rows.step * rows.lines()
    left, right = max(1.0, rows.left - 3), min(page.width - 2.0, rows.right + 3)
    edges = [top + 0.65 * style.size - rows.step / 2 + index * high for index in range(count + 1)]
    for y in edges:
        page.line(left, right, y, colour)
    framed = random.random() < 0.4
    for x in ([rows.divider] if rows.divider else []) + ([left, right] if framed else []):
        page.upright(x, edges[0], edges[-1], colour)

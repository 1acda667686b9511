"""Word lists, read once: goods, shops, labels, error messages, sentences and common words in both languages."""

import random
import string
from functools import cache

from .alphabet import ASCII, DATA, HAN


@cache
def words(name: str, language: str) -> tuple[str, ...]:
    """Lines of data/NAME.LANGUAGE.txt."""
    return tuple((DATA / f"{name}.{language}.txt").read_text("utf-8").split("\n")[:-1])


def pick_han(random: random.Random, count: int, reach: int) -> str:
    """Random characters out of the `reach` commonest: no language to lean on, every character has to be seen."""
    return "".join(random.choice(HAN[:reach]) for _ in range(count))


def money(random: random.Random) -> str:
    """An amount with two decimals, mostly small."""
    top = random.choices((10, 100, 1000, 10000), (25, 45, 22, 8))[0]
    return f"{random.randrange(top)}.{random.choice((random.randrange(100), random.randrange(100), random.randrange(100), 0, 50, 90, 99)):02d}"


def identifier(random: random.Random) -> str:
    """Dates, times, numbers, codes, addresses: the letters and digits that words do not teach."""
    digit = lambda count: "".join(random.choice(string.digits) for _ in range(count))
    word = lambda: random.choice(words("common", "en"))
    makers = (
        lambda: f"{random.randint(2015, 2029)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
        lambda: f"{random.randint(2015, 2029)}/{random.randint(1, 12)}/{random.randint(1, 28)}",
        lambda: f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}",
        lambda: f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}",
        lambda: digit(random.randint(1, 11)),
        lambda: f"1{random.choice('3578')}{digit(9)}",
        lambda: f"{digit(3)}-{digit(4)}",
        lambda: f"No.{digit(random.randint(2, 8))}",
        lambda: f"#{digit(random.randint(2, 6))}",
        lambda: f"{random.randint(0, 100)}%",
        lambda: random.choice("¥$") + money(random),
        lambda: f"{word()}@{word()}.com",
        lambda: f"www.{word()}.com",
        lambda: f"https://{word()}.{random.choice(('com', 'org', 'cn', 'io'))}/{word()}",
        lambda: f"/{word()}/{word()}.{random.choice(('txt', 'log', 'py', 'js', 'json', 'png'))}",
        lambda: f"{word()}_{word()} = {random.randint(0, 999)}",
        lambda: f"{word()}({word()}, {random.randint(0, 99)})",
        lambda: "".join(random.choice(string.ascii_uppercase + string.digits) for _ in range(random.randint(3, 10))),
        lambda: "".join(random.choice(string.ascii_letters) for _ in range(random.randint(1, 8))),
        lambda: "".join(random.choice(ASCII) for _ in range(random.randint(1, 8))),
        lambda: f"v{random.randint(0, 20)}.{random.randint(0, 20)}.{random.randint(0, 99)}",
    )
    return random.choice(makers)()


def english(random: random.Random) -> str:
    """Words or a sentence in English, in the usual letter cases."""
    kind = random.random()
    if kind < 0.2:
        text = random.choice(words("goods", "en"))
    elif kind < 0.3:
        text = random.choice(words("labels", "en"))
    elif kind < 0.4:
        text = random.choice(words("sentences", "en"))
    elif kind < 0.5:
        text = error_message(random, "en")
    else:
        text = " ".join(random.choice(words("common", "en")) for _ in range(random.randint(1, 5)))
    case = random.random()
    return text.upper() if case < 0.12 else text.title() if case < 0.2 else text[0].upper() + text[1:] if case < 0.5 else text


def chinese(random: random.Random, reach: int) -> str:
    """Words, a sentence or a run of random characters in Chinese."""
    kind = random.random()
    if kind < 0.25:
        return pick_han(random, random.randint(1, 8), reach)
    if kind < 0.45:
        return "".join(random.choice(words("common", "zh")) for _ in range(random.randint(1, 4)))
    if kind < 0.7:
        return random.choice(words("goods", "zh"))
    if kind < 0.8:
        return random.choice(words("labels", "zh"))
    if kind < 0.87:
        return error_message(random, "zh")
    return random.choice(words("sentences", "zh"))


def error_message(random: random.Random, language: str) -> str:
    """An error template with its {n}umber, {s}mall number, {w}ord, ... filled in."""
    word = lambda: random.choice(words("common", "en"))
    text = random.choice(words("errors", language))
    for mark, value in (
        ("{n}", lambda: str(random.choice((random.randint(1, 99), random.randint(100, 9999))))),
        ("{s}", lambda: str(random.randint(1, 9))),
        ("{d}", lambda: str(random.randint(10, 99))),
        ("{w}", word),
        ("{W}", lambda: word().title()),
        ("{x}", lambda: random.choice(("txt", "json", "png", "csv", "dll", "py", "xml"))),
        ("{p}", lambda: random.choice("<>{}();,:")),
        ("{h}", lambda: f"{random.randrange(16**4):04X}"),
    ):
        while mark in text:
            text = text.replace(mark, value(), 1)
    return text

"""Word lists, read once: goods, shops, labels, error messages, sentences and common words in both languages."""

import random
import string
from collections.abc import Callable
from functools import cache

from .alphabet import ASCII, DATA, HAN


def filled(text: str, marks: dict[str, Callable[[], str]]) -> str:
    """The text with each of its marks replaced, one at a time, by a new value."""
    for mark, value in marks.items():
        while mark in text:
            text = text.replace(mark, value(), 1)
    return text


@cache
def words(name: str, language: str) -> tuple[str, ...]:
    """Lines of data/NAME.LANGUAGE.txt."""
    return tuple((DATA / f"{name}.{language}.txt").read_text("utf-8").split("\n")[:-1])


def pick_han(random: random.Random, count: int, reach: int) -> str:
    """Random characters, mostly of the lists, else out of the `reach` commonest: no language to lean on, every character has
    to be seen."""
    return "".join(random.choice(listed_han() if random.random() < 0.6 else HAN[:reach]) for _ in range(count))


@cache
def listed_han() -> str:
    """The characters of receipts, tags, screens and forms: half of them are not among the commonest 620."""
    used = {character for name in ("goods", "shops", "labels", "errors") for phrase in words(name, "zh") for character in phrase}
    return "".join(character for character in HAN if character in used)


SHORT = ("the of and to in is at on for it we you by or no not do be as an if up us my me so go he his her our out new old now day way one two "
         "all any can may see get set use has had was are will with from this that your have what when more only here there please I a").split()


def common_word(random: random.Random, language: str) -> str:
    """A common word; in English often a short one, as every sentence has them and a list of words has not, and seldom with
    other letters than it has: rare ones were said as what mostly follows, the j of "reject" as the c of "receive"."""
    if language == "zh":
        return random.choice(words("common", language))
    word = random.choice(SHORT if random.random() < 0.4 else words("common", language))
    return misspelt(random, word) if random.random() < MISSPELT else word


MISSPELT = 0.15  # of English words


def misspelt(random: random.Random, word: str) -> str:
    """One to three of its letters are any others."""
    letters = list(word)
    for place in random.sample(range(len(letters)), min(len(letters), random.randint(1, 3))):
        letters[place] = random.choice(string.ascii_lowercase)
    return "".join(letters)


def spoken(random: random.Random, language: str, most: int) -> str:
    """One to `most` common words, with gaps where the language has them."""
    return ("" if language == "zh" else " ").join(common_word(random, language) for _ in range(random.randint(1, most)))


def whole_number(random: random.Random, below: int) -> str:
    """Sometimes with a digit said twice, which is easily left out: 877."""
    digits = str(random.randrange(below))
    if digits == "0" or random.random() > 0.25:
        return digits
    place = random.randrange(len(digits))
    return digits[:place] + digits[place] + digits[place:]


def money(random: random.Random) -> str:
    """An amount with two decimals, mostly small."""
    top = random.choices((10, 100, 1000, 10000), (25, 45, 22, 8))[0]
    return f"{whole_number(random, top)}.{random.choice((random.randrange(100), random.randrange(100), random.randrange(100), 0, 50, 90, 99)):02d}"


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
        lambda: f"{random.randint(0, 99)}.{random.randint(0, 9)}" + random.choice(("", "%", "%", " km", " kg", "GB", "s")),
        lambda: ".".join(str(random.randint(0, 20)) for _ in range(random.choice((2, 3, 3, 4)))),
        lambda: ".".join(str(random.randint(0, 255)) for _ in range(4)) + (f":{random.randint(80, 9999)}" if random.random() < 0.5 else ""),
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
    """Words, seldom a phrase of the lists, in English and in the usual letter cases. Few phrases are met twice: what is
    known by heart is not read."""
    kind = random.random()
    if kind < 0.12:
        text = random.choice(words("goods", "en"))
    elif kind < 0.18:
        text = random.choice(words("labels", "en"))
    elif kind < 0.22:
        text = random.choice(words("sentences", "en"))
    elif kind < 0.26:
        text = error_message(random, "en")
    else:
        text = " ".join(common_word(random, "en") for _ in range(random.choice((1, 2, 2, 3, 3, 4, 5, 6, 7))))
    case = random.random()
    return text.upper() if case < 0.12 else text.title() if case < 0.24 else capital(text) if case < 0.5 else text


def chinese(random: random.Random, reach: int) -> str:
    """Words, a run of random characters, seldom a phrase of the lists, in Chinese."""
    kind = random.random()
    if kind < 0.35:
        return pick_han(random, random.randint(1, 8), reach)
    if kind < 0.67:
        return "".join(common_word(random, "zh") for _ in range(random.randint(1, 5)))
    if kind < 0.85:
        return random.choice(words("goods", "zh"))
    if kind < 0.91:
        return random.choice(words("labels", "zh"))
    if kind < 0.94:
        return error_message(random, "zh")
    return random.choice(words("sentences", "zh"))


def mixed(random: random.Random, way: str) -> str:
    """Words, numbers and marks in one line: "Room 7, second floor", "版本 3.1.4 已更新", "余额: 86.20 元"."""
    said = lambda: spoken(random, way, 3 if way == "zh" else 5)
    number = lambda: random.choice((lambda: str(random.randrange(10 ** random.randint(1, 4))), lambda: money(random), lambda: identifier(random)))()
    text = said() if random.random() < 0.75 else number()
    for _ in range(random.randint(1, 4)):
        gap = random.choices(GAPS[way], GAP_WEIGHTS)[0]
        piece = number() if random.random() < 0.4 else said()
        if random.random() < 0.07:
            piece = random.choice(("({})", "[{}]", '"{}"', "“{}”" if way == "zh" else "'{}'", "（{}）" if way == "zh" else "<{}>")).format(piece)
        text += gap + piece
    if random.random() < 0.25:
        text += random.choice("。！？" if way == "zh" else ".!?.")
    return text if random.random() < 0.5 else capital(text)


GAPS = {"zh": (" ", "", "，", ": ", "：", ", ", "-", "/", "、"), "en": (" ", " #", ", ", ": ", ". ", "; ", "-", "/", " & ")}
GAP_WEIGHTS = (10, 4, 2, 1.5, 1, 0.7, 0.7, 0.5, 0.7)


MARKED = (
    "{} ({} {o} {n}) {} {}", "{} = {} {o} {};", "{} {o} {}", "{n} {o} {n} = {n}", "{}: {L}{o}", "{L}{o}", "{} {o}{n}.{s}%", "{}-{}", "{}-{}: {} / {}-{}",
    "{} {}: {t}-{t}", "{t}-{t}", "{t}-{t} {}", "{}[{n}] {o} {n}", "{}({}, {n})", "{} ({} {n})", "{} {n} {}, {} {}", "{}, {} {}", "({}) {}", "{} {L}{n}", "{} {L}{n} {}",
    "{} {n}.{s}.{s} ({} {n})", "{} {n}/{n}", "{} {n} / {n}", "{} & {}", "{}+{}", "{} + {}", "{}@{}.{}", "{}.{}.{}/{}", "{}? {}!", "{} <{}>", "\"{}\" {}", "{}_{} {o} {n};",
    "{v} {o} {v}", "{v} = {v} {o} {v};", "({v} {o} {n}) {} {v}", "{} {v} {o} {n}", "{} = {v} {o} {n}", "{} {} -{v} \"{}\"", "{} -{v} {n} {}", "{} --{} \"{} {}\"",
    "{n} {C} {C}", "{}: {n} {C} {}", "{C}-{C}: {}",
)


def marked_up(random: random.Random, way: str) -> str:
    """Words and numbers with marks and gaps between them, as in programs and on notices: "if (low > 12) end", "Size: B+", "9:30-17:00",
    "k = a % t;", "Door: 14 Old Way"."""
    return filled(random.choice(MARKED), {
        "{n}": lambda: str(random.randrange(10 ** random.randint(1, 4))),
        "{s}": lambda: str(random.randrange(30)),
        "{o}": lambda: random.choice(("+", "-", "*", "/", ">", "<", "=", "==", ">=", "<=", "!=", "&", "|", "%", "#", "~", "^")),
        "{L}": lambda: random.choice(string.ascii_uppercase),
        "{v}": lambda: random.choice(string.ascii_lowercase),
        "{C}": lambda: common_word(random, "en").title(),
        "{t}": lambda: f"{random.randint(0, 23)}:{random.randint(0, 59):02d}",
        "{}": lambda: common_word(random, way),
    })


INVENTED = {
    "en": ("Error: {}", "error: {}", "{} failed", "Cannot {}", "Could not {}", "{} not found", "Failed to {}", "Invalid {}", "{} is not allowed", "{} error",
           "Fatal: {}", "{} denied", "Unknown {}", "No {}", "{}: timed out", "TypeError: {}", "[ERROR] {}", "Unable to {}", "{}. Try again.", "{} is missing",
           "E{n}: {}", "Error {n}: {}", "{} (code {n})", "{}, line {n}", "{}!", "{}", "{}: [{n}] {}", "Cannot {} {}: {}", "{} for {} {n}"),
    "zh": ("{}失败", "无法{}", "{}错误", "错误：{}", "{}不存在", "{}，请重试", "{}，请{}", "不能{}", "未找到{}", "{}已过期", "{}超时", "没有{}权限", "{}出错",
           "请先{}", "{}无效", "{}，错误码 {n}", "错误 {n}：{}", "{}不正确", "{}不足", "{}！", "{}"),
}


def invented_error(random: random.Random, language: str) -> str:
    """What an error message looks like, with words in it that no message had, and seldom the name of something in a program."""
    named, most = (0.08, 4) if language == "zh" else (0.3, 5)
    text = filled(random.choice(INVENTED[language]), {
        "{}": lambda: program_name(random) if random.random() < named else spoken(random, language, most),
        "{n}": lambda: str(random.randint(1, 9999)),
    })
    return capital(text) if random.random() < 0.8 else text


def program_name(random: random.Random) -> str:
    """A class, a variable, a module, a file, a place in one, a code: "HeapRootError", "net.open.Pipe", "user_old", "main.py:31", "EACCES"."""
    part = lambda: common_word(random, "en").lower()
    several = lambda: [part() for _ in range(random.randint(2, 3))]
    return random.choice((
        lambda: "".join(map(capital, several())) + random.choice(("Error", "Exception", "", "")),
        lambda: ".".join(several()) + random.choice(("", f".{capital(part())}{capital(part())}")),
        lambda: "_".join(several()),
        lambda: f"{part()}.{random.choice(('txt', 'csv', 'json', 'py', 'ts', 'log', 'so', 'local'))}",
        lambda: f"{part()}.{random.choice(('py', 'c', 'rs', 'go'))}:{random.randint(1, 999)}",
        lambda: f"{part()}()",
        lambda: f"'{part()}'",
        lambda: "".join(random.choice(string.ascii_uppercase) for _ in range(random.randint(3, 8))),
        lambda: f"[{capital(part())} {random.randint(1, 999)}]",
    ))()


LOGGED = (
    "$ {} {}", "$ {}", "> {} {}", "$ {} {f}", "{} {f}", "{}ing {} {n}", "{}ed {n} {}s", "{} {n}", "[INFO] {} {}", "INFO {}", "DEBUG {} {n}", "{} ok", "{} done",
    "GET /{}", "GET /{}/{n} 204", "POST /{} 201", "PUT /{f} 302", "{n} {}s {}ed", "{} {} in {n} ms", "{}: {}", "{} = {n}", "step {n} of {n}", "[{n}/{n}] {}", "{t} {} {}",
    "{t} {}", "+ {} {}", "- {}", "# {} {}", "{} -> {}", "use {} for {}", "{}@{}:~$ {}", ">>> {}", "{n}% {}", "{} v{n}.{s}", "* {} {}", "on {}:{n}", "{} {} {}",
)


def log_line(random: random.Random) -> str:
    """What a console says when all is well, hardly ever the same twice: what is known by heart is not read."""
    text = filled(random.choice(LOGGED), {
        "{n}": lambda: str(random.randrange(10 ** random.randint(1, 4))),
        "{s}": lambda: str(random.randrange(30)),
        "{t}": lambda: f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}",
        "{f}": lambda: f"{common_word(random, 'en')}.{random.choice(('js', 'py', 'html', 'css', 'json', 'go', 'sh'))}",
        "{}": lambda: common_word(random, "en"),
    })
    return text if random.random() < 0.7 else capital(text)


def narrow_marks(random: random.Random, text: str) -> str:
    """Full-width marks as ASCII ones in half of the texts, as many programs write Chinese: "请重试,或联系客服", "余额: 3 元"."""
    if random.random() < 0.5:
        return text
    return text.replace("：", random.choice((":", ": "))).translate(NARROW).rstrip()


NARROW = str.maketrans("，；！？（）", ",;!?()")


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def error_message(random: random.Random, language: str) -> str:
    """An error template with its {n}umber, {s}mall number, {w}ord, ... filled in."""
    word = lambda: random.choice(words("common", "en"))
    return filled(random.choice(words("errors", language)), {
        "{n}": lambda: str(random.choice((random.randint(1, 99), random.randint(100, 9999)))),
        "{s}": lambda: str(random.randint(1, 9)),
        "{d}": lambda: str(random.randint(10, 99)),
        "{w}": word,
        "{W}": lambda: word().title(),
        "{x}": lambda: random.choice(("txt", "json", "png", "csv", "dll", "py", "xml")),
        "{p}": lambda: random.choice("<>{}();,:"),
        "{h}": lambda: f"{random.randrange(16**4):04X}",
    })

"""Batches for the trainer, made in a process of their own: pictures of one size, with one to three questions each."""

import os
import random
from dataclasses import dataclass, field, replace
from multiprocessing import Queue
from queue import Empty

import numpy as np

from . import chat
from .difficulty import Difficulty
from .links import Link, links
from .page import CELL, Mark, name_cells
from .places import Place, places, tokens_near
from .pixels import PATCH, STEP, fitted_size, patches, token_cells
from .scene import DoesNotFit, Scene, Turn
from .views import Drawing, crop, resize, shift
from .scenes.form import form
from .scenes.receipt import receipt
from .scenes.screen import error_screen
from .scenes.shapes import shapes
from .scenes.tag import price_tag
from .scenes.text import dense, number, sheet, text_lines
from .tokenizer import build_tokenizer

SCENES = {"dense": dense, "sheet": sheet, "text": text_lines, "number": number, "tag": price_tag, "receipt": receipt, "screen": error_screen, "shapes": shapes, "form": form}
SYSTEMS = ("You read receipts.", "You are a helpful assistant.", "Answer briefly.", "You are an OCR engine.", "Answer with the value only.",
           "你是一个识图助手。", "请简短回答。", "你是一个有用的助手", "只回答结果", "You help people with their documents.", "你负责识别图片中的文字。")
WHICH = {"zh": (("第一张图:", "第一张图，", "第1张图：", "左边第一张图片:"), ("第二张图:", "第二张图，", "第2张图：", "后一张图:")),
         "en": (("In the first image: ", "First image: ", "Image 1: "), ("In the second image: ", "Second image: ", "Image 2: "))}
POOL = 4  # batches drawn together
CUTS, VIEWS = 3, 2  # lessons from one drawing, without and with questions; drawing costs a good part of what learning from it does
SHORT = 16  # short questions that may be asked beside others with short answers
STRETCHED, STRETCH = 0.15, (0.85, 1.2)  # share of the drawings that are squeezed or stretched to their width, and from what part of it:
# narrower and broader letters than any font has
ENLARGED_TO = (81_920, 131_072)  # pixels; letters of more sizes are met than at one size
SCALES = (1.2, 2.3)  # of dense pages that are scaled up
MARGIN = 8  # pixels by which a drawing is smaller than the picture, so that it can stand differently on the patches each time
BOTH = ("read", "price", "tag", "total", "product", "error", "amounts", "describe")  # asked without naming a picture: answered for both


NOT_READ = ("shapes", "yes no", "is there", "not there", "count items")  # tasks whose answers are not written in the picture
Look = tuple[int, int]  # a token and one it should look at, most often a visual token: by their places in the conversation
Count = tuple[int, int, int]  # the last token of a name, a token, and what that is a part of: 0 the first token, 1 and so on what counts


@dataclass(frozen=True)
class Kind:
    """A sort of batch: which scenes, how large, how hard, how often."""

    name: str
    weight: float
    scenes: dict[str, float]
    width: tuple[int, int]  # pixels
    height: tuple[int, int]
    images: int = 1
    enlarged: float = 0.75  # share of the small pictures that are scaled up like small pictures of users; the others cost less
    frozen: float = 0.0  # share of batches in which the language model alone learns, from pictures seen without gradients
    speaks: bool = True  # False: nothing is asked, the characters are named alone
    difficulty: Difficulty = field(default_factory=Difficulty)


@dataclass
class Lesson:
    """The pictures of one conversation and the conversation."""

    pixels: list[np.ndarray]
    cells: list[np.ndarray]
    links: list[list[Link]]
    conversation: chat.Conversation
    looks: list[Look] = field(default_factory=list)
    asked: list[Look] = field(default_factory=list)
    hops: list[Look] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)


@dataclass
class Batch:
    kind: str
    grid: chat.Grid  # visual tokens, rows and columns, of every picture in it
    pixels: np.ndarray  # [pictures, patches, 192] float16
    cells: np.ndarray  # [pictures, visual tokens, 4, 3] classes of what is centred in each of its cells, of what follows and precedes it
    links: np.ndarray  # [links, 4]: picture, relation, patch, patch
    ids: np.ndarray  # [conversations, length]
    targets: np.ndarray  # [conversations, length]
    positions: np.ndarray  # [3, conversations, length]
    looks: np.ndarray  # [looks, 3]: conversation, token of an answer, visual token it may be read from
    asked: np.ndarray  # [looks, 3]: the same for the names in the questions
    hops: np.ndarray  # [hops, 3]: conversation, last token before an answer, last token of the name in the question
    counts: np.ndarray  # [counts, 4]: conversation, last token of the name, a token, what it is a part of
    frozen: bool  # the language model alone learns


def draw(random: random.Random, kind: Kind, width: int, height: int, scale: float = 1.0) -> tuple[Drawing, Scene]:
    """One picture of this size, scaled up from a drawing, and what may be asked about it."""
    for _ in range(200):
        name = random.choices(list(kind.scenes), list(kind.scenes.values()))[0]
        stretched = random.uniform(*STRETCH) if random.random() < STRETCHED else 1.0
        try:
            scene = SCENES[name](random, round(width / scale * stretched), round(height / scale), kind.difficulty)
        except DoesNotFit:
            continue
        return resize(scene.page.finish(random, kind.difficulty.roughness), width, height), scene
    raise RuntimeError(f"nothing fits {width}x{height} in {kind}")


def choose_turns(random: random.Random, scene: Scene, most: int, longest: int = 200) -> list[Turn]:
    """One to `most` questions, the likely ones first, no task twice; answers of at most `longest` characters in all. If there
    may be several, up to SHORT short ones among them, of any task, but none beside a list: the first tokens of many short answers
    outweigh its rows, which were skipped and said twice after some hours of that."""
    left, chosen = list(scene.turns), []
    for _ in range(random.randint(1, most)):
        left = [(weight, turn) for weight, turn in left if all(turn.task != other.task for other in chosen)]
        if not left:
            break
        turn = random.choices([turn for _, turn in left], [weight for weight, _ in left])[0]
        if chosen and sum(len(other.answer) for other in chosen) + len(turn.answer) > longest:
            continue
        chosen.append(turn)
    if most > 1 and scene.short and not any("\n" in turn.answer for turn in chosen):
        chosen += random.sample(scene.short, random.randint(0, min(SHORT, len(scene.short))))
        random.shuffle(chosen)
    return chosen


def pair_turns(random: random.Random, scenes: list[Scene]) -> list[Turn]:
    """Questions about two pictures: one of them by name, or both at once."""
    turns = []
    for _ in range(random.choice((1, 2))):
        index = random.randrange(2)
        turn = choose_turns(random, scenes[index], 1)[0]
        way = "zh" if any(character > "\u2e80" for character in turn.prompt) else "en"
        other = [candidate for _, candidate in scenes[1 - index].turns if candidate.task == turn.task]
        if other and turn.task in BOTH and random.random() < 0.55:
            first, second = (turn, other[0]) if index == 0 else (other[0], turn)
            turns.append(Turn(turn.task, turn.prompt, f"{first.answer}\n{second.answer}"))
        else:
            turns.append(replace(turn, prompt=random.choice(WHICH[way][index]) + turn.prompt))
    return turns


def batch_size(width: int, height: int, images: int, budget: float) -> int:
    """Conversations that cost about `budget` patches, counting attention's square."""
    count = images * width * height / PATCH**2
    return max(1, min(48, round(budget / (count * (1 + count / images / 1500)))))


def choose_size(random: random.Random, kind: Kind) -> tuple[int, int, float]:
    """Width and height as the model sees them, and how many times as large as they were drawn."""
    width, height = (random.randrange(low, high + 1, STEP) for low, high in (kind.width, kind.height))
    enlarged = random.random() < kind.enlarged
    if not kind.speaks:  # a cut of something larger: any scale
        return width, height, random.uniform(*SCALES) if enlarged else 1.0
    low, high = ENLARGED_TO
    fitted = fitted_size(width, height, low * (high / low) ** random.random()) if enlarged else (width, height)
    return *fitted, max(1.0, fitted[0] / width)


def make_batches(random: random.Random, tokenizer, kind: Kind, budget: int) -> list[Batch]:
    """A few batches of one picture size. Conversations of like length go together, so that little is padding."""
    width, height, scale = choose_size(random, kind)
    grid = height // STEP, width // STEP
    # A second question is cheap beside a large picture, dear beside a small one.
    most = 1 if width * height < 10_000 and random.random() < 0.8 else 4
    frozen = random.random() < kind.frozen
    size = batch_size(width, height, kind.images, budget * (2 if frozen else 1 if kind.speaks else 1.4))
    make, views = (conversations, VIEWS) if kind.speaks else (pages, CUTS)
    lessons = [lesson for _ in range(-(-size * POOL // views)) for lesson in make(random, tokenizer, kind, grid, scale, most)][: size * POOL]
    if kind.speaks:
        lessons.sort(key=lambda lesson: len(lesson.conversation.ids))
    else:
        random.shuffle(lessons)
    return [join(tokenizer, kind, grid, lessons[start : start + size], frozen) for start in range(0, len(lessons), size)]


def pages(random: random.Random, tokenizer, kind: Kind, grid: chat.Grid, scale: float, most: int) -> list[Lesson]:
    """Different cuts of one drawing that is a little larger than they are."""
    width, height = grid[1] * STEP, grid[0] * STEP
    drawing, _ = draw(random, kind, width + STEP, height + STEP, scale)
    cuts = [crop(random, drawing, width, height) for _ in range(CUTS)]
    return [Lesson([patches(image)], [cells_of(marks, grid)], [links(marks, width, height)],
                   chat.shown(tokenizer, grid)) for image, marks in cuts]


def conversations(random: random.Random, tokenizer, kind: Kind, grid: chat.Grid, scale: float, most: int) -> list[Lesson]:
    """Different questions about the same drawings, which stand elsewhere on the patches each time."""
    width, height = grid[1] * STEP, grid[0] * STEP
    drawn = [draw(random, kind, width - MARGIN, height - MARGIN, scale) for _ in range(kind.images)]
    scenes, lessons = [scene for _, scene in drawn], []
    for _ in range(VIEWS):
        pictures = [shift(random, drawing, width, height) for drawing, _ in drawn]
        turns = choose_turns(random, scenes[0], most) if kind.images == 1 else pair_turns(random, scenes)
        system = random.choice(SYSTEMS) if random.random() < 0.06 else None
        conversation = chat.lesson(tokenizer, [grid] * kind.images, turns, random.random() < 0.2, system)
        marks = [part for _, part in pictures]
        lessons.append(Lesson([patches(image) for image, _ in pictures], [cells_of(part, grid) for part in marks],
                              [links(part, width, height) for part in marks], conversation, looks(conversation, marks, grid),
                              *name_looks(conversation, marks, grid)))
    return lessons


def looks(conversation: chat.Conversation, pictures: list[list[Mark]], grid: chat.Grid) -> list[Look]:
    """What the tokens of the answers may be read from."""
    return [look for start, turn in conversation.answers if turn.task not in NOT_READ
            for look in seen(conversation, start, places(turn.answer, pictures), grid)]


def seen(conversation: chat.Conversation, start: int, stands: list[list[Place]], grid: chat.Grid) -> list[Look]:
    """The visual tokens near the places where each character of a text stands that begins at a token."""
    return [(start + offset, conversation.pictures[place.picture] + near)
            for offset, found in enumerate(stands)
            for place in found
            for near in tokens_near(place, *grid)]


def name_looks(conversation: chat.Conversation, pictures: list[list[Mark]], grid: chat.Grid) -> tuple[list[Look], list[Look], list[Count]]:
    """Of the names in the questions: what stands there in the pictures; from the last token before the answer to the name's
    last; from that one to the middle of all that is counted, and to the first token in any case."""
    asked, hops, counts = [], [], []
    for (question, turn), (answer, _) in zip(conversation.questions, conversation.answers):
        if not turn.asked:
            continue
        begin = question + turn.prompt.lower().rindex(turn.asked.lower())
        end = begin + len(turn.asked) - 1
        hops.append((answer - 1, end))
        found = places(turn.asked, pictures)[:-1]
        if all(found):  # else it is not there, or a part of it only
            asked += seen(conversation, begin, found, grid)
        if turn.counted:
            counted = [(picture, mark) for picture, marks in enumerate(pictures) for mark in marks if mark.name in turn.counted]
            counts += [(end, 0, 0), *((end, conversation.pictures[picture] + near, part)
                                      for part, (picture, mark) in enumerate(counted, 1)
                                      for near in tokens_near(Place(picture, mark.x, mark.y), *grid))]
    return asked, hops, counts


def cells_of(marks: list, grid: chat.Grid) -> np.ndarray:
    return token_cells(name_cells(marks, grid[0] * STEP // CELL, grid[1] * STEP // CELL))


def join(tokenizer, kind: Kind, grid: chat.Grid, lessons: list[Lesson], frozen: bool) -> Batch:
    pixels = np.stack([picture for lesson in lessons for picture in lesson.pixels]).astype(np.float16)
    cells = np.stack([picture for lesson in lessons for picture in lesson.cells])
    linked = rows_of([picture for lesson in lessons for picture in lesson.links], 3)
    ids, targets, positions = chat.pad([lesson.conversation for lesson in lessons], tokenizer.token_to_id("<|endoftext|>"))
    guided = {name: rows_of([getattr(lesson, name) for lesson in lessons], size)
              for name, size in (("looks", 2), ("asked", 2), ("hops", 2), ("counts", 3))}
    return Batch(kind.name, grid, pixels, cells, linked, ids, targets, positions, **guided, frozen=frozen)


def rows_of(lists: list[list[tuple]], size: int) -> np.ndarray:
    """The tuples of all lists, each after the index of its list: [tuples, 1 + size]."""
    return np.array([(index, *row) for index, rows in enumerate(lists) for row in rows], np.int64).reshape(-1, 1 + size)


def serve(requests: Queue, batches: Queue, seed: int) -> None:
    """The process that draws: answers each (kind, budget) with a list of batches until the trainer is gone."""
    trainer = os.getppid()
    np.random.seed(seed)
    source, tokenizer = random.Random(seed), build_tokenizer()
    while os.getppid() == trainer:
        try:
            request = requests.get(timeout=5)
        except Empty:
            continue
        batches.put(make_batches(source, tokenizer, *request))

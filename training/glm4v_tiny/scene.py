"""What a scene hands over: the picture and what may be asked about it."""

from dataclasses import dataclass, field

from .page import Page


@dataclass(frozen=True)
class Turn:
    """A question and its one right answer."""

    task: str
    prompt: str
    answer: str
    asked: str = ""  # the name in the prompt
    counted: frozenset[int] = frozenset()  # classes of which the answer tells how many there are


@dataclass
class Scene:
    """A drawn page and the questions it can answer with how often to ask each."""

    page: Page
    turns: list[tuple[float, Turn]] = field(default_factory=list)  # (weight, turn)
    short: list[Turn] = field(default_factory=list)  # with answers of a word: several of them cost little beside the picture

    def ask(self, weight: float, task: str, prompt: str, answer: str, asked: str = "", counted: frozenset[int] = frozenset()) -> None:
        self.turns.append((weight, Turn(task, prompt, answer, asked, counted)))


class DoesNotFit(Exception):
    """The content picked does not fit the page picked; pick again."""

"""A conversation as the chat template renders it, in token ids, with the targets and the three-axis positions."""

from dataclasses import dataclass, field

import numpy as np
from tokenizers import Tokenizer

from .scene import Turn

IGNORE = -100  # target of tokens that are given, not predicted
Grid = tuple[int, int]  # visual tokens: rows, columns


@dataclass
class Conversation:
    """A growing token sequence. `targets[i]` is what the model should say at i (the id itself, or IGNORE)."""

    tokenizer: Tokenizer
    ids: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    positions: list[tuple[int, int, int]] = field(default_factory=list)  # time, row, column
    next_position: int = 0
    pictures: list[int] = field(default_factory=list)  # where the visual tokens of each begin
    questions: list[tuple[int, Turn]] = field(default_factory=list)  # where the prompt of each begins: a token a character
    answers: list[tuple[int, Turn]] = field(default_factory=list)  # where each begins: a token a character

    def add(self, ids: list[int], learned: bool = False) -> None:
        self.ids += ids
        self.targets += ids if learned else [IGNORE] * len(ids)
        for _ in ids:
            self.positions.append((self.next_position,) * 3)
            self.next_position += 1

    def special(self, *names: str, learned: bool = False) -> None:
        self.add([self.tokenizer.token_to_id(name) for name in names], learned)

    def text(self, text: str, learned: bool = False) -> None:
        self.add(self.tokenizer.encode(text, add_special_tokens=False).ids, learned)

    def image(self, grid: Grid) -> None:
        rows, columns = grid
        start, image = self.next_position, self.tokenizer.token_to_id("<|image|>")
        self.pictures.append(len(self.ids))
        self.ids += [image] * (rows * columns)
        self.targets += [IGNORE] * (rows * columns)
        self.positions += [(start, start + row, start + column) for row in range(rows) for column in range(columns)]
        self.next_position = start + max(rows, columns)


def start(tokenizer: Tokenizer, system: str | None) -> Conversation:
    conversation = Conversation(tokenizer)
    conversation.special("[gMASK]", "<sop>")
    if system:
        conversation.special("<|system|>")
        conversation.text("\n" + system)
    return conversation


def user(conversation: Conversation, grids: list[Grid], prompt: str, think: bool) -> int:
    """A user's turn up to where the assistant's answer begins; `think` leaves it to the model to open the reasoning.
    Gives where the prompt begins."""
    conversation.special("<|user|>")
    conversation.text("\n")
    for grid in grids:
        conversation.special("<|begin_of_image|>")
        conversation.image(grid)
        conversation.special("<|end_of_image|>")
    begin = len(conversation.ids)
    conversation.text(prompt)
    if not think:
        conversation.special("/nothink")
    conversation.special("<|assistant|>")
    conversation.text("\n")
    if not think:
        conversation.special("<think>", "</think>")
        conversation.text("\n")
    return begin


def shown(tokenizer: Tokenizer, grid: Grid) -> Conversation:
    """A picture about which nothing is asked."""
    conversation = start(tokenizer, None)
    user(conversation, [grid], "", think=False)
    return conversation


def lesson(tokenizer: Tokenizer, grids: list[Grid], turns: list[Turn], think: bool, system: str | None) -> Conversation:
    """A whole training conversation: pictures and the first question, answers learned, follow-ups after them."""
    conversation = start(tokenizer, system)
    for index, turn in enumerate(turns):
        conversation.questions.append((user(conversation, grids if index == 0 else [], turn.prompt, think), turn))
        if think:
            conversation.special("<think>", "</think>", learned=True)
            conversation.text("\n", learned=True)
        conversation.answers.append((len(conversation.ids), turn))
        conversation.text(turn.answer, learned=True)
    conversation.special("<|user|>")  # ends the last answer; followed by nothing
    conversation.targets = end_answers(conversation)
    return conversation


def end_answers(conversation: Conversation) -> list[int]:
    """The <|user|> that follows an answer is learned too: it is how an answer ends."""
    end = conversation.tokenizer.token_to_id("<|user|>")
    ids, targets = conversation.ids, conversation.targets
    return [token if token == end and index and targets[index - 1] != IGNORE else target
            for index, (token, target) in enumerate(zip(ids, targets))]


def pad(conversations: list[Conversation], padding: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids and targets [batch, length], positions [3, batch, length]; short ones are filled at the end."""
    length = max(len(conversation.ids) for conversation in conversations)
    ids = np.full((len(conversations), length), padding, np.int64)
    targets = np.full((len(conversations), length), IGNORE, np.int64)
    positions = np.zeros((3, len(conversations), length), np.int64)
    for row, conversation in enumerate(conversations):
        count = len(conversation.ids)
        ids[row, :count], targets[row, :count] = conversation.ids, conversation.targets
        positions[:, row, :count] = np.array(conversation.positions).T
    return ids, targets, positions

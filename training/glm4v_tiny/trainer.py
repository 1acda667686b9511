"""What learns and what is saved: the model, the auxiliary head, the optimiser, the averaged weights, the progress."""

import os
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import torch
import torch.nn as nn
import torch.nn.functional as F

from .alphabet import BLANK, CHARACTERS, CLASS_OF, CLASSES
from .beginnings import from_folder, from_scratch
from .chat import IGNORE
from .guidance import COUNTED, SAYING, Watched, guide_counts, guide_links, guide_looks, numbers
from .lessons import Batch
from .model import Glm4v, Shape, TextShape
from .page import NOTHING
from .slips import begins, characters, with_slips
from .tokenizer import build_tokenizer, vocabulary_size

BEGINNING = 4.0  # weight of the first token of an answer, which decides what it is, one among many
LINE = 4.0  # of the end of a line or of all and of the first token of a further line: each is a jump
THIN = 2.0  # of a gap or a mark, which are little to see: one gap in twelve was left out, and one mark in five of texts said wrong
SLIPS = 0.5  # share of the batches whose answers have the model's own misreadings in them
NAMED = 3  # of a cell: the character, what follows it, what precedes it
BESIDE = {"following": 0.4, "preceding": 0.3}  # weights of naming these, beside naming the character
SAID = 2.0  # weight of saying a character from what is fetched of its visual token
LOOKS = 3.0  # of where the guided heads of the language model look: in rows of random characters one next place of seven was missed
COUNTS = 8.0  # of the shares of attention on shapes: what is a small distance in nats is another number
MEMORY = 0.97  # of the running means
NAMER_ALONE = 300  # steps in which the new auxiliary head learns without moving the vision tower: what it asks for at first is noise
NAMER_FASTER = 4.0  # times the rate of AdamW


@dataclass
class Progress:
    """Where the training stands."""

    step: int = 0
    pictures: int = 0
    minutes: float = 0.0  # of training, all sittings together
    phase: int = 0
    phase_minutes: float = 0.0
    loss: dict[str, float] = field(default_factory=dict)  # running mean by kind of batch and by guided head
    exact: dict[str, float] = field(default_factory=dict)  # whole answers right, teacher-forced; without answers: characters named right


def running(values: dict[str, float], name: str, value: float) -> None:
    values[name] = value if name not in values else MEMORY * values[name] + (1 - MEMORY) * value


def optimisers(model: Glm4v, namer: nn.Module, threads: int) -> list[torch.optim.Optimizer]:
    """AdamW for what is looked up, predicted or added, and for the auxiliary head; Muon for the matrices inside the blocks, as
    many as there are threads to share its work, which costs as much as a small batch."""
    inside = [p for layers in (model.model.visual.blocks, model.model.language_model.layers) for p in layers.parameters() if p.dim() == 2]
    known = {id(p) for p in inside}
    outside = [p for p in model.parameters() if id(p) not in known]
    groups = [
        {"params": [p for p in outside if p.dim() >= 2], "weight_decay": 0.02},
        {"params": [p for p in outside if p.dim() < 2], "weight_decay": 0.0},
    ]
    return [
        *(torch.optim.AdamW(own, lr=1e-4, betas=(0.9, 0.98), weight_decay=0.02, fused=True) for own in (groups, namer.parameters())),
        *(torch.optim.Muon(inside[part::threads], lr=1e-4, weight_decay=0.02, adjust_lr_fn="match_rms_adamw") for part in range(threads)),
    ]


def step(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad()


class Trainer:
    """Parts that fit each other only as they were saved together."""

    def __init__(self, folder: Path, warm_start: Path | None, pool: ThreadPoolExecutor, threads: int) -> None:
        self.checkpoint = folder / "checkpoint.pt"
        self.pool, self.adding = pool, Lock()
        self.tokenizer = build_tokenizer()
        self.image_token, self.new_line = (self.tokenizer.token_to_id(token) for token in ("<|image|>", "Ċ"))
        self.thin = torch.tensor([self.tokenizer.token_to_id(token) for token in ("Ġ", *string.punctuation)])
        self.line_ends = torch.tensor([self.new_line, self.tokenizer.token_to_id("<|user|>")])
        self.characters = characters(self.tokenizer)
        self.digits = torch.tensor([self.tokenizer.token_to_id(digit) for digit in "0123456789"])
        self.tokens = torch.full((CLASSES,), IGNORE)  # of the auxiliary head's classes, where they are characters
        for character in CHARACTERS:
            self.tokens[CLASS_OF[character]] = self.tokenizer.encode(character, add_special_tokens=False).ids[0]
        self.model = Glm4v(Shape(text=TextShape(vocab_size=vocabulary_size(self.tokenizer))))
        self.namer = nn.Linear(self.model.shape.vision.out_hidden_size, NAMED * 4 * CLASSES)  # thrown away in the end
        nn.init.zeros_(self.namer.weight)
        self.progress = Progress()
        self.parameters = [*self.model.parameters(), *self.namer.parameters()]
        self.optimisers = optimisers(self.model, self.namer, threads)
        if self.checkpoint.exists():
            self.load()
            return
        from_scratch(self.model)
        if warm_start:
            print("warm start:", from_folder(self.model, warm_start, self.tokenizer), "tokens known", flush=True)
        self.average = [p.detach().clone() for p in self.model.parameters()]

    def load(self) -> None:
        saved = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.namer.load_state_dict(saved["namer"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.average = saved["average"]
        self.progress = Progress(**saved["progress"])
        print("continued:", self.progress, flush=True)

    def save(self) -> None:
        """Written beside and moved over, so that an interruption leaves the old checkpoint whole."""
        part = self.checkpoint.with_suffix(".part")
        state = {
            "model": self.model.state_dict(),
            "namer": self.namer.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "average": self.average,
            "progress": vars(self.progress),
        }
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def gradients(self, batch: Batch, naming_weight: float, looking_weight: float) -> tuple[torch.Tensor | None, ...]:
        """The gradients of one batch, parameter by parameter; None where it has no part."""
        rows, columns = (2 * side for side in batch.grid)
        with torch.autocast("cpu", torch.bfloat16):
            watched: list | None = None if batch.frozen else []
            with torch.set_grad_enabled(not batch.frozen):
                images = self.model.see(torch.from_numpy(batch.pixels).float(), rows, columns, watched)
            cells = torch.from_numpy(batch.cells)
            naming, named = (torch.zeros(()), 0.0) if batch.frozen else self.name_cells(images, cells)
            linking = torch.zeros(()) if batch.frozen else self.looked(guide_links(watched, torch.from_numpy(batch.links)))
            ids, targets, positions, counts = (torch.from_numpy(part) for part in (batch.ids, batch.targets, batch.positions, batch.counts))
            learned = targets[:, 1:] != IGNORE
            asked = bool(learned.any())
            if asked and torch.rand(()) < SLIPS:
                ids = self.misread(ids, targets, positions, images)
            watched, states = [], []
            hidden = self.model.think(self.model.embed(ids, images, self.image_token), positions, watched=watched, states=states)
            told = (torch.from_numpy(rows) for rows in (batch.looks, batch.asked, batch.hops))
            looking = linking + LOOKS * self.looked(guide_looks(watched, *told, (ids == self.new_line).nonzero()))
            looking = looking + COUNTS * self.looked(guide_counts(watched, counts)) + self.looked(self.say_counts(states[COUNTED], counts))
            looking = looking + SAID * self.looked(self.say_fetched(watched, ids == self.image_token, cells))
            answering, exact = self.answer(hidden, ids, targets, learned) if asked else (torch.zeros(()), 0.0)
        self.note(batch, *((answering.item(), exact) if asked else (naming.item(), named)))
        return torch.autograd.grad(answering + naming_weight * naming + looking_weight * looking, self.parameters, allow_unused=True)

    def answer(self, hidden: torch.Tensor, ids: torch.Tensor, targets: torch.Tensor, learned: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The loss of the answers, and the share of conversations in which all of them are right."""
        logits = self.model.lm_head(hidden[:, :-1][learned])  # [learned tokens, vocabulary]
        wanted = targets[:, 1:][learned]
        jumps = (ids[:, :-1] == self.new_line) | torch.isin(targets[:, 1:], self.line_ends)
        weight = torch.where(jumps, LINE, 1.0).masked_fill(torch.isin(targets[:, 1:], self.thin), THIN).masked_fill(begins(learned), BEGINNING)[learned]
        loss = (F.cross_entropy(logits.float(), wanted, reduction="none") * weight).sum() / weight.sum()
        wrong = torch.zeros(learned.shape, dtype=torch.bool)
        wrong[learned] = logits.argmax(-1) != wanted
        return loss, 1 - wrong.any(1).float().mean().item()

    def say_counts(self, state: torch.Tensor, counts: torch.Tensor) -> dict[str, torch.Tensor]:
        """How badly a layer's output [conversations, length, hidden] says the numbers at the names of what is counted."""
        if not len(counts):
            return {}
        names, many = numbers(counts)
        return {"number": F.cross_entropy(self.model.say(state[tuple(names.T)]).float(), self.digits[many])}

    def say_fetched(self, watched: Watched, seen: torch.Tensor, cells: torch.Tensor) -> dict[str, torch.Tensor]:
        """How badly the last heads that look for what comes would say the character of a visual token from what they fetch
        there: every character in a picture is practised, whatever is asked. The auxiliary head named five of six Chinese
        characters that were said wrong, with the attention where they stood. Where several are centred on a token, small
        letters, each is as good as another: which comes next is not for the token to say.

        `seen` [conversations, length]: true at visual tokens; `cells` [pictures, visual tokens, 4, kinds]: theirs, in order."""
        layer, heads = SAYING
        tokens = self.tokens[cells[..., 0].flatten(0, 1)]  # [visual tokens, 4]
        many = (tokens != IGNORE).sum(-1)
        values = watched[layer][2].transpose(1, 2)[seen]
        losses = {}
        for name, chosen in (("said", many == 1), ("crowded", many > 1)):
            if chosen.any():
                wanted = tokens[chosen]
                likely = self.model.say(self.model.fetch(layer, heads, values[chosen])).float().log_softmax(-1).gather(1, wanted.clamp(0))
                losses[name] = -(likely.masked_fill(wanted == IGNORE, 0).sum(-1) / many[chosen]).mean()
        return losses

    @torch.no_grad()
    def misread(self, ids: torch.Tensor, targets: torch.Tensor, positions: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """The ids [conversations, length] with what the model misreads, at this moment, in the place of what is right."""
        hidden = self.model.think(self.model.embed(ids, images, self.image_token), positions)
        return with_slips(ids, targets, self.model.lm_head(hidden[:, :-1]).argmax(-1), self.characters)

    def name_cells(self, images: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The auxiliary loss, what is centred in each cell and what stands beside it, on every token with something and a few
        without; and the share named right of what is there."""
        images = images.detach() if self.progress.step < NAMER_ALONE else images
        chosen = (cells[..., 0] != BLANK).any(-1) | (torch.rand(cells.shape[:2]) < 0.1)
        here, *around = cells[chosen].flatten(0, 1).T  # [cells] each
        logits, *beside = self.namer(images[chosen]).float().view(-1, NAMED, 4, CLASSES).transpose(0, 1).flatten(1, 2)
        weight = torch.where(here == BLANK, 0.15, 1.0)  # most cells are blank
        loss = (F.cross_entropy(logits, here, reduction="none") * weight).sum() / weight.sum().clamp(min=1)
        for (name, share), said, right in zip(BESIDE.items(), beside, around, strict=True):
            missed = F.cross_entropy(said, right, ignore_index=NOTHING, reduction="sum") / (right != NOTHING).sum().clamp(min=1)
            running(self.progress.loss, name, missed.item())
            loss = loss + share * missed
        there = here != BLANK
        return loss, (logits.argmax(-1) == here)[there].float().mean().nan_to_num().item()

    def looked(self, heads: dict[str, torch.Tensor]) -> torch.Tensor:
        """The mean of the guided heads' losses."""
        for name, loss in heads.items():
            running(self.progress.loss, name, loss.item())
        return sum(heads.values()) / len(heads) if heads else torch.zeros(())

    def note(self, batch: Batch, loss: float, exact: float) -> None:
        running(self.progress.loss, batch.kind, loss)
        running(self.progress.exact, batch.kind, exact)

    def learn(self, batches: list[Batch], naming_weight: float, looking_weight: float, rates: tuple[float, float], keep: float) -> None:
        """One step along the mean of the batches' gradients, at the rates of AdamW and Muon. One batch a thread: on a busy
        machine, threads that split one product wait for each other. The dearest come first, so that both end together."""
        dearest_first = sorted(batches, key=lambda batch: -batch.pixels.size)
        list(self.pool.map(lambda batch: self.add(self.gradients(batch, naming_weight, looking_weight), len(batches)), dearest_first))
        self.update(rates, keep)

    @torch.no_grad()
    def add(self, gradients: tuple[torch.Tensor | None, ...], batches: int) -> None:
        """Adds a batch's part to the gradients' mean."""
        with self.adding:
            for parameter, part in zip(self.parameters, gradients):
                if part is not None:
                    parameter.grad = part / batches if parameter.grad is None else parameter.grad.add_(part, alpha=1 / batches)

    @torch.no_grad()
    def update(self, rates: tuple[float, float], keep: float) -> None:
        """Moves the weights along the gradients added, and the averaged weights after them."""
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        ordinary, matrices = rates
        list(self.pool.map(step, self.optimisers, (ordinary, NAMER_FASTER * ordinary, *[matrices] * len(self.optimisers[2:]))))
        self.progress.step += 1
        keep = min(keep, self.progress.step / (self.progress.step + 10))  # forgets the first weights soon
        torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - keep)

    def averaged_model(self) -> Glm4v:
        """A copy of the model with the averaged weights, for measuring."""
        model = Glm4v(self.model.shape)
        with torch.no_grad():
            for own, value in zip(model.parameters(), self.average):
                own.copy_(value)
        return model.eval()

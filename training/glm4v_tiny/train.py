"""Trains; continues from the last checkpoint if there is one. Everything that may change is in the plan file."""

import argparse
import json
import math
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

from .alphabet import BLANK, CLASSES
from .beginnings import from_folder, from_scratch
from .chat import IGNORE
from .difficulty import Difficulty
from .evaluate import evaluate_suite, report
from .lessons import Batch, Kind, serve
from .model import Glm4v, Shape, TextShape, compile_elementwise
from .tokenizer import build_tokenizer, vocabulary_size

AHEAD = 3  # groups of batches drawn in advance
MIXED = 10  # batches to choose from, so that neighbours in time differ in kind and length


@dataclass
class Progress:
    """Where the training stands; saved with the weights."""

    step: int = 0
    pictures: int = 0
    minutes: float = 0.0
    phase: int = 0
    phase_minutes: float = 0.0
    loss: dict[str, float] = field(default_factory=dict)  # running mean by kind of batch
    exact: dict[str, float] = field(default_factory=dict)  # share of whole answers right, teacher-forced; of characters named right in batches without answers

    def note(self, values: dict[str, float], name: str, value: float) -> None:
        values[name] = value if name not in values else 0.97 * values[name] + 0.03 * value


def read_plan(path: Path) -> dict:
    plan = json.loads(path.read_text("utf-8"))
    for phase in plan["phases"]:
        phase["kinds"] = [Kind(**{**kind, "difficulty": Difficulty(**{**phase.get("difficulty", {}), **kind.get("difficulty", {})})})
                          for kind in phase["kinds"]]
    return plan


class Trainer:
    """Model, auxiliary head, optimiser and averaged weights, which are saved and loaded together."""

    def __init__(self, folder: Path, warm_start: Path | None) -> None:
        self.folder = folder
        self.tokenizer = build_tokenizer()
        self.image_token = self.tokenizer.token_to_id("<|image|>")
        self.model = Glm4v(Shape(text=TextShape(vocab_size=vocabulary_size(self.tokenizer))))
        self.namer = nn.Linear(self.model.shape.vision.out_hidden_size, 4 * CLASSES)  # throw-away
        self.progress = Progress()
        from_scratch(self.model)
        if warm_start:
            print("warm start:", from_folder(self.model, warm_start, self.tokenizer), "tokens known", flush=True)
        self.parameters = [*self.model.parameters(), *self.namer.parameters()]
        matrices = [p for p in self.parameters if p.dim() >= 2]
        vectors = [p for p in self.parameters if p.dim() < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}], lr=1e-4, betas=(0.9, 0.98), fused=True)
        self.average = [p.detach().clone() for p in self.model.parameters()]
        if (folder / "checkpoint.pt").exists():
            self.load()

    def load(self) -> None:
        saved = torch.load(self.folder / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.namer.load_state_dict(saved["namer"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.average = saved["average"]
        self.progress = Progress(**saved["progress"])
        print("continued:", self.progress, flush=True)

    def save(self) -> None:
        """Written beside and moved over, so that an interruption leaves the old checkpoint whole."""
        part = self.folder / "checkpoint.part"
        torch.save({"model": self.model.state_dict(), "namer": self.namer.state_dict(), "optimiser": self.optimiser.state_dict(),
                    "average": self.average, "progress": vars(self.progress)}, part)
        os.replace(part, self.folder / "checkpoint.pt")

    def gradients(self, batch: Batch, naming_weight: float) -> tuple[torch.Tensor | None, ...]:
        """The gradients of one batch, parameter by parameter; None where it has no part."""
        rows, columns = (2 * side for side in batch.grid)
        with torch.autocast("cpu", torch.bfloat16):
            images = self.model.see(torch.from_numpy(batch.pixels).float(), rows, columns)
            naming, named = self.name_cells(images, torch.from_numpy(batch.cells))
            if batch.ids is None:
                self.note(batch, naming.item(), named)
                return torch.autograd.grad(naming, self.parameters, allow_unused=True)
            ids, targets = torch.from_numpy(batch.ids), torch.from_numpy(batch.targets)
            hidden = self.model.think(self.model.embed(ids, images, self.image_token), torch.from_numpy(batch.positions))
            learned = targets[:, 1:] != IGNORE
            logits = self.model.lm_head(hidden[:, :-1][learned])
        wanted = targets[:, 1:][learned]
        loss = F.cross_entropy(logits.float(), wanted)
        wrong = torch.zeros(learned.shape, dtype=torch.bool)
        wrong[learned] = logits.argmax(-1) != wanted
        self.note(batch, loss.item(), 1 - wrong.any(1).float().mean().item())
        return torch.autograd.grad(loss + naming_weight * naming, self.parameters)

    def name_cells(self, images: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The auxiliary loss, which character is centred in each cell, on every token with one and a few without;
        and the share of characters named right."""
        chosen = (cells != BLANK).any(-1) | (torch.rand(cells.shape[:2]) < 0.1)
        wanted = cells[chosen].flatten()
        logits = self.namer(images[chosen]).float().view(-1, CLASSES)
        weight = torch.where(wanted == BLANK, 0.15, 1.0)
        loss = (F.cross_entropy(logits, wanted, reduction="none") * weight).sum() / weight.sum().clamp(min=1)
        is_character = wanted != BLANK
        return loss, (logits.argmax(-1) == wanted)[is_character].float().mean().nan_to_num().item()

    def note(self, batch: Batch, loss: float, exact: float) -> None:
        self.progress.note(self.progress.loss, batch.kind, loss)
        self.progress.note(self.progress.exact, batch.kind, exact)

    @torch.no_grad()
    def update(self, gradients: list[tuple[torch.Tensor, ...]], rate: float, keep: float) -> None:
        """One step along the mean of the batches' gradients."""
        for parameter, *parts in zip(self.parameters, *gradients):
            known = [part for part in parts if part is not None]
            parameter.grad = torch.stack(known).sum(0) / len(parts) if known else None
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad()
        torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - keep)

    def averaged_model(self) -> Glm4v:
        model = Glm4v(self.model.shape)
        with torch.no_grad():
            for own, value in zip(model.parameters(), self.average):
                own.copy_(value)
        return model.eval()


def prepare_thread() -> None:
    """Settings that PyTorch keeps for each thread apart."""
    torch.set_num_threads(1)
    torch._dynamo.config.recompile_limit = 64  # one variant for each mix of ranks and types


class Clock:
    """Wall time since the start of this sitting and whether a moment that comes every so often has come."""

    def __init__(self) -> None:
        self.start, self.last = time.time(), {}

    def minutes(self) -> float:
        return (time.time() - self.start) / 60

    def every(self, name: str, minutes: float) -> bool:
        if self.minutes() - self.last.setdefault(name, 0.0) < minutes:
            return False
        self.last[name] = self.minutes()
        return True


def learning_rate(plan: dict, progress: Progress, minutes: float) -> float:
    """Warm-up at each start, then constant, then down along a cosine between the plan's decay minutes."""
    rate = plan["learning_rate"] * min(1.0, (progress.step - progress_at_start(progress) + 1) / plan.get("warmup_steps", 60))
    begin, end = plan.get("decay_minutes", (math.inf, math.inf))
    if minutes > begin:
        done = min(1.0, (minutes - begin) / (end - begin))
        rate *= plan.get("last_rate", 0.05) + (1 - plan.get("last_rate", 0.05)) * 0.5 * (1 + math.cos(math.pi * done))
    return rate


_started_at: list[int] = []


def progress_at_start(progress: Progress) -> int:
    if not _started_at:
        _started_at.append(progress.step)
    return _started_at[0]


def pick_kind(plan: dict, progress: Progress) -> Kind:
    kinds = plan["phases"][progress.phase]["kinds"]
    return random.choices(kinds, [kind.weight for kind in kinds])[0]


def advance_phase(plan: dict, progress: Progress) -> None:
    """On to the next phase when the watched kind is read well enough, or when its time is up."""
    phase = plan["phases"][progress.phase]
    until = phase.get("until")
    if not until or progress.phase + 1 == len(plan["phases"]):
        return
    good = progress.exact.get(until["kind"], 0) >= until["exact"]
    if good or progress.phase_minutes >= until["minutes"]:
        progress.phase += 1
        progress.phase_minutes = 0.0
        print("phase", plan["phases"][progress.phase]["name"], flush=True)


def train(arguments: argparse.Namespace) -> None:
    pool = ThreadPoolExecutor(arguments.threads, initializer=prepare_thread)
    compile_elementwise()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    print("seed", seed, flush=True)
    random.seed(seed)
    torch.manual_seed(seed)
    plan = read_plan(arguments.plan)
    context = get_context("spawn")
    requests, batches = context.Queue(), context.Queue(AHEAD)
    drawer = context.Process(target=serve, args=(requests, batches, seed), daemon=True)
    drawer.start()
    trainer = Trainer(arguments.folder, arguments.warm_start)
    progress, clock = trainer.progress, Clock()
    at_start, pictures, waited = progress.minutes, progress.pictures, 0.0
    plan_age = arguments.plan.stat().st_mtime
    drawn: list[Batch] = []
    for _ in range(AHEAD):
        requests.put((pick_kind(plan, progress), plan["budget"]))
    while progress.minutes < arguments.minutes:
        chosen = []
        for _ in range(plan["batches_a_step"]):
            while len(drawn) < MIXED:
                begin = time.time()
                drawn += batches.get()
                waited += time.time() - begin
                requests.put((pick_kind(plan, progress), plan["budget"]))
            chosen.append(drawn.pop(random.randrange(len(drawn))))
            progress.pictures += len(chosen[-1].pixels)
        # One batch a thread: on a busy machine threads that split one product wait for each other.
        gradients = list(pool.map(lambda batch: trainer.gradients(batch, plan["naming_weight"]), chosen))
        trainer.update(gradients, learning_rate(plan, progress, progress.minutes), plan["average_keep"])
        progress.step += 1
        progress.phase_minutes += at_start + clock.minutes() - progress.minutes
        progress.minutes = at_start + clock.minutes()
        if progress.step % 20 == 0:
            advance_phase(plan, progress)
        if clock.every("line", 0.5):
            rate = (progress.pictures - pictures) / (clock.minutes() * 60)
            kinds = " ".join(f"{name} {progress.loss[name]:.3f}/{progress.exact[name]:.2f}" for name in sorted(progress.loss))
            print(f"{progress.minutes:.1f} min step {progress.step} pictures {progress.pictures} ({rate:.0f}/s, waited {waited / clock.minutes() / 60:.0%}) "
                  f"phase {plan['phases'][progress.phase]['name']} rate {trainer.optimiser.param_groups[0]['lr']:.1e} | {kinds}", flush=True)
        if clock.every("save", arguments.save_minutes):
            trainer.save()
            if arguments.plan.stat().st_mtime != plan_age:
                plan, plan_age = read_plan(arguments.plan), arguments.plan.stat().st_mtime
                print("plan read again", flush=True)
        if arguments.suite and clock.every("suite", arguments.suite_minutes):
            print("held out:", report(evaluate_suite(trainer.averaged_model(), trainer.tokenizer, arguments.suite, arguments.suite_cases)), flush=True)
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where checkpoint.pt is kept")
    parser.add_argument("--plan", type=Path, required=True, help="what to train on; read again when it changes")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop when the training has run this long in all")
    parser.add_argument("--warm-start", type=Path, help="model folder to begin with when there is no checkpoint")
    parser.add_argument("--suite", type=Path, help="held-out pictures to measure now and then")
    parser.add_argument("--suite-minutes", type=float, default=20)
    parser.add_argument("--suite-cases", type=int, default=80)
    parser.add_argument("--save-minutes", type=float, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int)
    train(parser.parse_args())


if __name__ == "__main__":
    main()

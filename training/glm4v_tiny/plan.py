"""The plan file: what to train on, phase after phase, and how fast to learn."""

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

from .difficulty import Difficulty
from .lessons import Kind


@dataclass(frozen=True)
class Until:
    """A phase ends when answers (or names) of this kind are right this often, or after so many minutes."""

    kind: str
    exact: float
    minutes: float


@dataclass(frozen=True)
class Phase:
    name: str
    kinds: tuple[Kind, ...]
    until: Until | None  # None: to the end
    budget: int  # cost of a batch, about its patches

    def pick(self, random: random.Random) -> Kind:
        return random.choices(self.kinds, [kind.weight for kind in self.kinds])[0]


@dataclass(frozen=True)
class Plan:
    phases: tuple[Phase, ...]
    learning_rate: float  # of AdamW
    matrix_rate: float  # Muon's, as a multiple of it
    warmup_steps: int  # after every start
    decay_minutes: tuple[float, float] | None  # training minutes between which the rate goes down
    last_rate: float  # share of the rate that is left after the decay
    naming_weight: float  # of the auxiliary loss on which character stands where
    looking_weight: float  # of the one on where the guided heads look
    average_keep: float  # share that a step leaves of the averaged weights
    batches_a_step: int

    def rate(self, steps: int, minutes: float) -> float:
        """The learning rate after so many steps of this sitting and so many minutes of training."""
        rate = self.learning_rate * min(1.0, (steps + 1) / self.warmup_steps)
        if self.decay_minutes is None or minutes <= self.decay_minutes[0]:
            return rate
        begin, end = self.decay_minutes
        done = min(1.0, (minutes - begin) / (end - begin))
        return rate * (self.last_rate + (1 - self.last_rate) * 0.5 * (1 + math.cos(math.pi * done)))


def read_plan(path: Path) -> Plan:
    """Values of a phase stand for all its kinds, and those of the file for all phases, unless they say otherwise."""
    file = json.loads(path.read_text("utf-8"))
    decay = file.get("decay_minutes")
    return Plan(
        phases=tuple(read_phase(phase, file["budget"]) for phase in file["phases"]),
        learning_rate=file["learning_rate"],
        matrix_rate=file["matrix_rate"],
        warmup_steps=file["warmup_steps"],
        decay_minutes=tuple(decay) if decay else None,
        last_rate=file["last_rate"],
        naming_weight=file["naming_weight"],
        looking_weight=file["looking_weight"],
        average_keep=file["average_keep"],
        batches_a_step=file["batches_a_step"],
    )


def read_phase(phase: dict, budget: int) -> Phase:
    kinds = []
    for kind in phase["kinds"]:
        difficulty = Difficulty(**{**phase["difficulty"], **kind.get("difficulty", {})})
        sides = {"width": tuple(kind["width"]), "height": tuple(kind["height"])}
        kinds.append(Kind(**{**kind, **sides, "difficulty": difficulty}))
    until = Until(**phase["until"]) if phase.get("until") else None
    return Phase(phase["name"], tuple(kinds), until, phase.get("budget", budget))

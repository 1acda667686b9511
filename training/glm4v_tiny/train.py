"""Trains, and continues from the last checkpoint if there is one. What may change while it runs is in the plan file."""

import argparse
import math
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from .evaluate import evaluate_suite, report
from .lessons import Batch, serve
from .model import compile_elementwise
from .plan import Plan, read_plan
from .trainer import Progress, Trainer

AHEAD = 3  # groups of batches drawn in advance
MIXED = 10  # batches to choose from, so that neighbours in time differ in kind and length


class Clock:
    """Minutes since the start of this sitting, and whether a moment that comes every so often has come."""

    def __init__(self) -> None:
        self.start, self.last = time.time(), {}

    def minutes(self) -> float:
        return (time.time() - self.start) / 60

    def every(self, name: str, minutes: float) -> bool:
        if self.minutes() - self.last.setdefault(name, 0.0) < minutes:
            return False
        self.last[name] = self.minutes()
        return True


class Lessons:
    """Batches from the drawing process, mixed."""

    def __init__(self, seed: int) -> None:
        context = get_context("spawn")
        self.requests, self.groups = context.Queue(), context.Queue(AHEAD)
        context.Process(target=serve, args=(self.requests, self.groups, seed), daemon=True).start()
        self.asked, self.drawn = 0, []
        self.waited = 0.0  # seconds

    def next(self, plan: Plan, progress: Progress) -> Batch:
        phase = plan.phases[progress.phase]
        while len(self.drawn) < MIXED:
            while self.asked < AHEAD:
                self.requests.put((phase.pick(random), phase.budget))
                self.asked += 1
            begin = time.time()
            self.drawn += self.groups.get()
            self.asked -= 1
            self.waited += time.time() - begin
        return self.drawn.pop(random.randrange(len(self.drawn)))


def prepare_thread() -> None:
    """Settings that PyTorch keeps for each thread apart."""
    torch.set_num_threads(1)
    torch._dynamo.config.recompile_limit = 64  # one variant for each mix of ranks and types


def advance_phase(plan: Plan, progress: Progress) -> None:
    until = plan.phases[progress.phase].until
    if until is None:
        return
    if progress.exact.get(until.kind, 0) >= until.exact or progress.phase_minutes >= until.minutes:
        progress.phase += 1
        progress.phase_minutes = 0.0
        print("phase", plan.phases[progress.phase].name, flush=True)


def line(plan: Plan, trainer: Trainer, speed: float, waited: float) -> str:
    progress = trainer.progress
    kinds = " ".join(f"{name} {loss:.3f}" + (f"/{progress.exact[name]:.2f}" if name in progress.exact else "") for name, loss in sorted(progress.loss.items()))
    rate = trainer.optimisers[0].param_groups[0]["lr"]
    return (f"{progress.minutes:.1f} min step {progress.step} pictures {progress.pictures} ({speed:.0f}/s, waited {waited:.0%}) "
            f"phase {plan.phases[progress.phase].name} rate {rate:.1e} | {kinds}")


def train(arguments: argparse.Namespace) -> None:
    arguments.folder.mkdir(parents=True, exist_ok=True)
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    print("seed", seed, flush=True)
    random.seed(seed)
    torch.manual_seed(seed)
    compile_elementwise()
    plan, plan_age = read_plan(arguments.plan), arguments.plan.stat().st_mtime
    lessons = Lessons(seed)
    pool = ThreadPoolExecutor(arguments.threads, initializer=prepare_thread)
    trainer = Trainer(arguments.folder, arguments.warm_start, pool, arguments.threads)
    progress, clock = trainer.progress, Clock()
    first_step, first_picture, first_minute = progress.step, progress.pictures, progress.minutes
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    while not stopping and progress.minutes < arguments.minutes:
        batches = [lessons.next(plan, progress) for _ in range(plan.batches_a_step)]
        rate = plan.rate(progress.step - first_step, progress.minutes)
        trainer.learn(batches, plan.naming_weight, plan.looking_weight, (rate, rate * plan.matrix_rate), plan.average_keep)
        progress.pictures += sum(len(batch.pixels) for batch in batches)
        minutes = first_minute + clock.minutes()
        progress.phase_minutes += minutes - progress.minutes
        progress.minutes = minutes
        advance_phase(plan, progress)
        if clock.every("line", 0.5):
            seconds = 60 * clock.minutes()
            print(line(plan, trainer, (progress.pictures - first_picture) / seconds, lessons.waited / seconds), flush=True)
        if clock.every("save", arguments.save_minutes):
            trainer.save()
            if arguments.plan.stat().st_mtime != plan_age:
                plan, plan_age = read_plan(arguments.plan), arguments.plan.stat().st_mtime
                print("plan read again", flush=True)
        if arguments.suite and clock.every("suite", arguments.suite_minutes):
            result = evaluate_suite(trainer.averaged_model(), trainer.tokenizer, arguments.suite, arguments.suite_cases)
            print("held out:", report(result), flush=True)
    trainer.save()
    print("saved", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where checkpoint.pt is kept")
    parser.add_argument("--plan", type=Path, required=True, help="what to train on; read again when it changes")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop when the training has run this long in all")
    parser.add_argument("--warm-start", type=Path, help="model folder to begin with when there is no checkpoint")
    parser.add_argument("--suite", type=Path, help="held-out pictures to measure now and then")
    parser.add_argument("--suite-minutes", type=float, default=30)
    parser.add_argument("--suite-cases", type=int, default=80)
    parser.add_argument("--save-minutes", type=float, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int)
    train(parser.parse_args())


if __name__ == "__main__":
    main()

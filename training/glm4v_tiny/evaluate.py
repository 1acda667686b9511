"""Accuracy on a suite: a folder of pictures with cases.jsonl (image, prompt, answer, task)."""

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

from .answering import answer, ask, surprise
from .folder import load_folder
from .model import Glm4v


def squeeze(text: str) -> str:
    """White space as the evaluator counts it: runs are one space, lines are kept, ends are trimmed."""
    return "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))


def distance(a: str, b: str) -> int:
    """Edits that turn one text into the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def evaluate_suite(model: Glm4v, tokenizer: Tokenizer, suite: Path, limit: int | None, show: bool = False) -> dict[str, dict[str, float]]:
    """By task: cases, exact, the character error rate, and the nats of a right answer; for amounts also the share of items right."""
    cases = [json.loads(line) for line in (suite / "cases.jsonl").read_text("utf-8").splitlines()]
    if limit is not None and limit < len(cases):
        cases = random.Random(1).sample(cases, limit)
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for case in cases:
        names = case["image"] if isinstance(case["image"], list) else [case["image"]]
        images = [Image.open(suite / name) for name in names]
        asked = ask(model, tokenizer, images, case["prompt"])
        got = squeeze(answer(model, tokenizer, asked))
        want, task = squeeze(case["answer"]), sums[case["task"]]
        task["cases"] += 1
        task["nats"] += surprise(model, tokenizer, asked, case["answer"])
        task["exact"] += got == want
        task["edits"] += distance(got, want)
        task["characters"] += len(want)
        if case["task"] == "amounts":
            items = want.split("\n")
            task["items"] += len(items)
            task["items right"] += sum(a == b for a, b in zip(got.split("\n"), items))
        if show and got != want:
            print(case["task"], names, repr(want), "->", repr(got), flush=True)
    return {task: summary(values) for task, values in sorted(sums.items())}


def summary(values: dict[str, float]) -> dict[str, float]:
    line = {"cases": values["cases"], "exact": values["exact"] / values["cases"], "cer": values["edits"] / max(1, values["characters"]),
            "nats": values["nats"] / values["cases"]}
    if values.get("items"):
        line["items"] = values["items right"] / values["items"]
    return line


def report(result: dict[str, dict[str, float]]) -> str:
    items = lambda line: f" (items {line['items']:.0%})" if "items" in line else ""
    return "; ".join(f"{task} {line['exact']:.0%} of {line['cases']:.0f}{items(line)} cer {line['cer']:.1%} {line['nats']:.2f} nats"
                     for task, line in result.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="a model folder in the hub's layout")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--show", action="store_true", help="print wrong answers")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    model, tokenizer = load_folder(arguments.model)
    print(report(evaluate_suite(model, tokenizer, arguments.suite, arguments.limit, arguments.show)))


if __name__ == "__main__":
    main()

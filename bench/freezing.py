"""What does freezing save? Bytes and milliseconds of a training step, with fewer and fewer stages that learn.

    python bench/freezing.py --write docs/studies/transfer.md      about 4 minutes on two cores

Step     forward, loss, backward and AdamW on random images, channels last, in the precision that training takes
Bytes    the most that tensors hold at once: weights, gradients, optimizer state, activations, the batch
Ratio    the median over rounds of a step's time divided by that of `full` in the same round; the order alternates
last-N   for every N: `gradual` begins with last-1 and goes through them to `full`
"""

import argparse
import gc
import re
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from convatlas.anatomy.speed import training_memory, wait
from convatlas.data import Data, Resident
from convatlas.data.feed import Augment
from convatlas.engine.hardware import autocast, choose_device, possible_precisions, processor
from convatlas.engine.optim import make_optimizer
from convatlas.engine.recipe import Recipe
from convatlas.engine.strategy import Learning
from convatlas.engine.task import total
from convatlas.engine.tasks.classify import plain_loss
from convatlas.errors import InputError
from convatlas.files import write_text
from convatlas.ops.checkpoint import checkpoint_activations
from convatlas.recipes import tuning_recipe
from convatlas.runs.build import build_model, image_size, stages_of


class Step:
    """A training step of a recipe, in its longest phase."""

    def __init__(self, recipe: Recipe, data: Data) -> None:
        self.device = torch.device(choose_device(recipe.device))
        self.precision = possible_precisions(recipe.precision, self.device.type)[-1]
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.model: nn.Module = build_model(recipe, data).to(self.device).to(memory_format=layout)
        self.learning = Learning(self.model, recipe, stages_of(recipe, self.model, data))
        if recipe.checkpoint_activations:
            checkpoint_activations(self.model)
        self.learning.enter(max(self.learning.plan, key=self.learning.trained).start)
        self.optimizer = make_optimizer(self.learning.learners, recipe, self.device.type)
        side = image_size(recipe, data)
        x = torch.randn(recipe.batch_size, data.channels, side, side, generator=torch.Generator().manual_seed(0))
        self.x = x.to(self.device).contiguous(memory_format=layout)
        self.y = torch.zeros(recipe.batch_size, dtype=torch.int64, device=self.device)

    def memory(self) -> int:
        """Peak memory of a step in bytes."""
        mixed = lambda: autocast(self.precision, self.device.type)  # noqa: E731
        return training_memory(self.model, self.x, self.y, plain_loss, self.optimizer, autocast=mixed)

    def seconds(self) -> float:
        """Seconds of one step."""
        wait(self.device)
        began = time.perf_counter()
        with autocast(self.precision, self.device.type):
            loss = total(plain_loss(self.model, self.x, self.y))
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad()
        wait(self.device)
        return time.perf_counter() - began


def blank(side: int, classes: int) -> Data:
    """Random color images; only their size matters."""
    images = Resident(torch.zeros(1, 3, side, side, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    names = tuple(map(str, range(classes)))
    ends = (0.5,) * 3
    return Data("blank", "blank", names, 3, (side, side), images, None, None, ends, ends, Augment(), ())


def recipes(network: str, batch_size: int, data: Data) -> dict[str, Recipe]:
    """The recipes that are compared, `full` first."""
    recipe = tuning_recipe(network, "blank", 1, strategy="full", batch_size=batch_size)
    stages = stages_of(recipe, build_model(recipe, data), data) or {}
    recipes = {"full": recipe, "full, --checkpoint-activations": replace(recipe, checkpoint_activations=True)}
    for count in range(len(stages) - 1, 0, -1):  # all of them would be `full` again
        name = "last-1 (head)" if count == 1 else f"last-{count}"
        recipes[name] = replace(recipe, strategy=f"last-{count}")
    return recipes | {"bn-only": replace(recipe, strategy="bn-only")}


def table(network: str, batch_size: int, side: int, rounds: int) -> list[str]:
    """The table rows of a network."""
    data = blank(side, 2)
    steps: dict[str, Step] = {}
    for name, recipe in recipes(network, batch_size, data).items():
        try:
            steps[name] = Step(recipe, data)
        except InputError as error:
            print(f"{network} {name}: {error}")
    memory = {name: step.memory() for name, step in steps.items()}
    gc.collect()
    rows: list[dict[str, float]] = []
    for number in range(rounds):
        order = list(steps)[:: 1 if number % 2 == 0 else -1]
        rows.append({name: steps[name].seconds() for name in order})
    lines = []
    for name, step in steps.items():
        taken = statistics.median(row[name] for row in rows)
        ratio = statistics.median(row[name] / row["full"] for row in rows)
        learn = step.learning.trained(step.learning.phase)
        cells = (
            network,
            name,
            "every norm, head" if name == "bn-only" else next(iter(step.learning.phase.rates)),
            f"{learn:,}",
            f"{memory[name] / 1e6:,.0f}",
            f"{memory[name] / memory['full']:.2f}",
            f"{1000 * taken:,.0f}",
            f"{ratio:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def put(path: Path, name: str, text: str) -> None:
    """Replace the text between `<!-- name -->` and `<!-- /name -->`.

    Raises   InputError if the file has no such place
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    before = path.read_text(encoding="utf-8")
    if not pattern.search(before):
        raise InputError(f"{path} has no <!-- {name} --> and <!-- /{name} --> for the table to stand between")
    write_text(path, pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", before))


def machine(precision: str = "auto") -> str:
    """Processor, threads, precision and versions, on which the figures depend."""
    device = choose_device("auto")
    chosen = possible_precisions(precision, device)[-1]
    return f"{processor(device)}, {torch.get_num_threads()} threads, {chosen}, torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["resnet50", "mobilenet_v2"])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=Path, help="document that has <!-- freezing --> and <!-- /freezing -->")
    options = parser.parse_args()
    lines = [
        f"Images of {options.side} pixels, batches of {options.batch_size}, {options.rounds} rounds; {machine()}.",
        "",
        "| network | strategy | learns, from | parameters that learn | MB at most | share | ms a step | ratio |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    print("\n".join(lines), flush=True)
    for network in options.networks:
        lines += table(network, options.batch_size, options.side, options.rounds)
    if options.write:
        put(options.write, "freezing", "\n".join(lines))


if __name__ == "__main__":
    main()

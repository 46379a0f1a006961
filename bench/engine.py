"""What does the engine cost beside the arithmetic? Steps of a session beside a bare loop of the same operations.

Ours     `Session.step` over `Session.batches`, as an epoch of training runs: images are taken from memory and normalized
Bare     the same network, loss, precision, layout and optimizer in five lines, over batches that lie ready
Turns    epochs of both alternate, whose beginning alternates too; the shortest of each counts, since what the machine does
         beside only adds
Usage    python bench/engine.py [--networks …] [--rounds 7] [--seconds 1] [--markdown FILE]
Exit     0 if a step of ours takes at most 1.05 times as long for every network, 1 otherwise
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from convatlas.anatomy.load import CoreTime
from convatlas.data import Augment, Data, Resident
from convatlas.engine.hardware import autocast, possible_precisions, processor
from convatlas.engine.optim import make_optimizer
from convatlas.engine.session import Session
from convatlas.engine.strategy import Learning
from convatlas.models import create_model, model_info
from convatlas.ops.malloc import keep_freed_memory
from convatlas.recipes import default

SIDE = 32
NETWORKS = ("lenet5", "resnet20", "resnet18", "mobilenet_v2")
MOST = 1.05


def session_of(name: str, steps: int, batch: int, precision: str) -> Session:
    """A session on so many batches of random images, without augmentation."""
    channels = model_info(name).in_channels
    x = torch.randint(256, (steps * batch, channels, SIDE, SIDE), dtype=torch.uint8)
    half = (0.5,) * channels
    images = Resident(x, torch.randint(10, (len(x),)))
    data = Data(
        "random", "Random images", tuple("0123456789"), channels, (SIDE, SIDE), images, None, images, half, half, Augment(), ()
    )
    recipe = default(name, "cifar10", epochs=1, batch_size=batch, label_smoothing=0.0)
    torch.manual_seed(0)
    net = create_model(name, num_classes=10, in_channels=channels, image_size=SIDE).train()
    session = Session(net, data, recipe, SIDE, ("cpu", precision))
    session.learning.enter(0)
    return session


def ours(session: Session) -> int:
    """An epoch of the engine; how many steps it had."""
    for step, (x, y) in enumerate(session.batches.epoch(0)):
        session.at.step = step
        session.step(x, y, 1e-4)
    return session.steps


def bare(name: str, session: Session) -> Callable[[], int]:
    """The same as a loop without an engine."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, in_channels=session.data.channels, image_size=SIDE).train()
    model = model.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(Learning(model, session.recipe).learners, session.recipe, "cpu")
    batches: list[tuple[Tensor, Tensor]] = list(session.batches.epoch(0))

    def epoch() -> int:
        for x, y in batches:
            with autocast(session.precision, "cpu"):
                loss = cross_entropy(model(x).float(), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return len(batches)

    return epoch


def milliseconds(epoch: Callable[[], int]) -> float:
    """What a step takes."""
    began = time.perf_counter()
    steps = epoch()
    return 1000 * (time.perf_counter() - began) / steps


def compare(name: str, rounds: int, seconds: float, batch: int, precision: str) -> Iterator[tuple[float, float]]:
    """Milliseconds a step of ours and of the bare loop, round by round."""
    probe = bare(name, session_of(name, 1, batch, precision))
    probe()
    steps = max(2, min(200, round(1000 * seconds / milliseconds(probe))))
    session = session_of(name, steps, batch, precision)
    contestants: list[Callable[[], int]] = [lambda: ours(session), bare(name, session)]
    for round_ in range(rounds + 1):
        order = contestants if round_ % 2 else contestants[::-1]
        taken = {id(epoch): milliseconds(epoch) for epoch in order}
        if round_:  # the first one warms up
            yield taken[id(contestants[0])], taken[id(contestants[1])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=128, help="images")
    parser.add_argument("--seconds", type=float, default=1.0, help="of an epoch, about")
    parser.add_argument("--precision", default=possible_precisions("auto", "cpu")[-1], help="32 or bf16")
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    began = CoreTime.now()
    rows = ["| network | ours, ms a step | bare, ms a step | ratio |", "|---|---:|---:|---:|"]
    good = True
    with keep_freed_memory():
        for name in options.networks:
            pairs = list(compare(name, options.rounds, options.seconds, options.batch, options.precision))
            a, b = (min(times) for times in zip(*pairs, strict=True))
            good &= a <= MOST * b
            rows.append(f"| {name} | {a:.2f} | {b:.2f} | {a / b:.3f} |")
            print(rows[-1], flush=True)
    load = began.other_load() if began else None
    busy = "" if load is None else f"; other programs took {100 * load:.0f} % of the cores"
    machine = f"{processor('cpu')}, {torch.get_num_threads()} threads, {options.precision}, torch {torch.__version__}"
    head = f"{machine}, batch {options.batch}, {SIDE}x{SIDE}, {options.rounds} rounds{busy}"
    print("\n".join([head, "", *rows]))
    if options.markdown:
        options.markdown.write_text("\n".join([head, "", *rows, ""]), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Speed and memory of a recipe's network on this machine."""

from typing import Any

import torch

from ..anatomy.load import CoreTime
from ..anatomy.speed import seconds_per_batch, training_memory
from ..data import Data
from ..engine.hardware import autocast, choose_device
from ..engine.machine import machine_to_evaluate, use_threads
from ..engine.optim import make_optimizer
from ..engine.recipe import Recipe
from ..engine.strategy import Learning
from ..ops.conv import prepare_layout
from ..runs.build import build_model, image_size, stages_of, task_of

THROUGHPUT_BATCH = 128
TIMED = 20 * THROUGHPUT_BATCH  # images that count as the work ahead when threads are chosen
SPEEDS = ("training_memory_bytes", "latency_ms", "throughput_images_per_second", "speed_other_load")


def measure_speed(recipe: Recipe, data: Data) -> dict[str, float | None]:
    """Milliseconds for one image, images per second in batches of 128, bytes of a training step; and the load of others.

    Random images in the recipe's precision and threads, the fastest where it leaves them open; batch norm is not folded,
    nothing is compiled.
    """
    device = choose_device(recipe.device)
    model = build_model(recipe, data).to(device)
    layout = prepare_layout(model, recipe.channels_last)
    side = image_size(recipe, data)

    def images(n: int) -> torch.Tensor:
        return torch.randn(n, data.channels, side, side, device=device).contiguous(memory_format=layout)

    size = data.channels, side, side
    machine = machine_to_evaluate(
        model, size, THROUGHPUT_BATCH, TIMED, device=device, precision=recipe.precision, threads=recipe.threads
    )  # fmt: skip

    def mixed_precision() -> Any:
        return autocast(machine.precision, device)

    targets = data.train.targets.take(torch.arange(recipe.batch_size) % len(data.train)).to(device)
    loss = task_of(recipe, data).loss(recipe, data, None)
    began = CoreTime.now()
    with use_threads(machine.threads):
        latency = seconds_per_batch(model, images(1), mixed_precision)
        throughput = THROUGHPUT_BATCH / seconds_per_batch(model, images(THROUGHPUT_BATCH), mixed_precision)
        other_load = began.other_load() if began else None
        learning = Learning(model, recipe, stages_of(recipe, model, data))
        learning.enter(max(learning.plan, key=learning.trained).start)
        optimizer = make_optimizer(learning.learners, recipe, device)
        memory = training_memory(model, images(recipe.batch_size), targets, loss, optimizer, autocast=mixed_precision)
    return dict(zip(SPEEDS, (memory, 1000 * latency, throughput, other_load), strict=True))

"""Training as a generator: whoever iterates sees every event, whoever stops iterating stops the run."""

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data import Augment, Batches, Data, Feed, Images, Resident
from ..errors import ConvAtlasError
from .evaluate import Evaluation, evaluate
from .events import Epoch, Event, Finished, Started, Step
from .hardware import autocast, choose_device, choose_precision, environment, out_of_memory
from .optim import make_optimizer
from .recipe import Recipe
from .record import Run
from .schedule import rate

FABRIC_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
LOOK_EVERY = 16  # steps between looks at the loss; each look waits for the device
SEEN_AGAIN = 2000  # training images that are evaluated at the end, to tell learning by heart


class Diverged(ConvAtlasError):
    """The loss is no number any more."""


class Interrupted(ConvAtlasError):
    """The user asked to stop; the state is saved."""

    exit_code = 130


class OutOfMemory(ConvAtlasError):
    """The batch does not fit."""


@dataclass(slots=True)
class Position:
    """Where a run stands: `step` batches of `epoch` (from 0) are done, with the sums of this epoch so far."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0


def train(model: nn.Module, data: Data, recipe: Recipe, run: Run, image_size: int) -> Iterator[Event]:
    """Trains from where the run folder stands and leaves everything in it.

    The last epoch's weights (or their moving average) are what is tested, once, at the end; validation images are
    looked at after each epoch and change nothing. Same recipe, machine and thread count: same bits, also when resumed.

    Shapes   the model maps x (n, channels, image_size, image_size) to logits (n, classes)
    Raises   Diverged, Interrupted and OutOfMemory; the run folder then holds the last saved state
    """
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    run.describe(describe(data, image_size, environment(device, precision)))
    if recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = model.to(device)
    bench = Bench(model, data, recipe, image_size, device, precision)
    state = run.load_state()
    if state:
        bench.restore(state)
    run.keep_epochs(bench.at.epoch)
    yield Started(recipe.epochs, bench.steps, bench.at.epoch, bench.at.step, data.warnings)
    with stop_requests() as stop, out_of_memory(recipe.batch_size, recipe.accumulate, OutOfMemory):
        while bench.at.epoch < recipe.epochs:
            yield from bench.one_epoch(run, stop)
            yield bench.close_epoch(run)
        yield bench.finish(run)


class Bench:
    """A model with all that changes while it trains."""

    def __init__(self, net: nn.Module, data: Data, recipe: Recipe, image_size: int, device: str, precision: str) -> None:
        self.net, self.data, self.recipe = net, data, recipe
        self.device, self.precision, self.image_size = device, precision, image_size
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision
        fabric = Fabric(accelerator=device, devices=1, precision=FABRIC_PRECISION[precision])  # type: ignore[arg-type]
        optimizer = make_optimizer(net, recipe, device)
        self.model, self.optimizer = fabric.setup(torch.compile(net) if recipe.compile else net, optimizer)
        self.fabric = fabric
        average = get_ema_multi_avg_fn(recipe.ema) if recipe.ema else None
        self.ema = AveragedModel(net, multi_avg_fn=average, use_buffers=True) if average else None
        self.batches = Batches(data.train, self.feed(training=True))
        self.steps = len(self.batches)
        self.at = Position()

    @property
    def tested(self) -> nn.Module:
        """The network whose accuracy counts: the moving average if there is one."""
        return self.ema.module if self.ema else self.net

    def feed(self, training: bool) -> Feed:
        """How images reach the network."""
        r = self.recipe
        return Feed(
            batch_size=r.batch_size,
            image_size=self.image_size,
            mean=self.data.mean,
            std=self.data.std,
            augment=augmentation(self.data.augment, r) if training else None,
            shuffle=training,
            drop_last=training and len(self.data.train) >= r.batch_size,
            seed=r.seed,
            device=self.device,
            channels_last=r.channels_last,
            workers=r.workers,
        )

    def one_epoch(self, run: Run, stop: threading.Event) -> Iterator[Step]:
        """The rest of the current epoch; saves every few minutes and when asked to stop."""
        recipe, at = self.recipe, self.at
        total = self.steps * recipe.epochs
        self.model.train()
        unread: list[Tensor] = []
        began = saved = time.perf_counter()
        before = at.seconds
        for x, y in self.batches.epoch(at.epoch, at.step):
            progress = (at.epoch * self.steps + at.step + 0.5) / total
            lr = recipe.lr * rate(recipe.schedule, progress, recipe.warmup)
            loss = self.one_step(x, y, lr)
            unread.append(loss)
            at.step += 1
            now = time.perf_counter()
            at.seconds = before + now - began
            due = stop.is_set() or now - saved > 60 * recipe.checkpoint_minutes
            if due or at.step % LOOK_EVERY == 0 or at.step == self.steps:
                self.read(unread, lr)
            if due:
                run.save_state(self.state())
                saved = now
            if stop.is_set():
                raise Interrupted(
                    f"stopped in epoch {at.epoch + 1} after {at.step} of {self.steps} steps, all saved. "
                    f"Continue with: convatlas train --out {run.path} --resume"
                )
            yield Step(at.epoch + 1, at.step, loss, lr, len(y))

    def one_step(self, x: Tensor, y: Tensor, lr: float) -> Tensor:
        """Forward, backward and, when enough batches have been gathered, one step of the optimizer."""
        recipe = self.recipe
        last = (self.at.step + 1) % recipe.accumulate == 0 or self.at.step + 1 == self.steps
        loss = cross_entropy(self.model(x), y, label_smoothing=recipe.label_smoothing)
        self.fabric.backward(loss / recipe.accumulate if recipe.accumulate > 1 else loss)
        if last:
            if recipe.clip is not None:
                self.fabric.clip_gradients(self.model, self.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.ema:
                self.ema.update_parameters(self.net)
        return loss.detach()

    def read(self, unread: list[Tensor], lr: float) -> None:
        """Adds the losses since the last look to the epoch's sum.

        Raises   Diverged naming the step whose loss is no number
        """
        losses = torch.stack(unread).tolist()
        first = self.at.step - len(losses) + 1
        unread.clear()
        for step, loss in enumerate(losses, start=first):
            if not math.isfinite(loss):
                raise Diverged(
                    f"the loss became {loss} in epoch {self.at.epoch + 1} at step {step} with learning rate {lr:.3g}: "
                    f"try --lr {self.recipe.lr / 4:.2g}, a longer --warmup, --clip 1 or --precision 32"
                )
            self.at.loss_sum += loss

    def close_epoch(self, run: Run) -> Epoch:
        """Validates, writes the epoch's line, then the state that continues after it."""
        at = self.at
        began = time.perf_counter()
        val = self.evaluate(self.data.val) if self.data.val is not None else None
        images = self.steps * self.recipe.batch_size if self.batches.feed.drop_last else len(self.data.train)
        event = Epoch(
            epoch=at.epoch + 1,
            train_loss=at.loss_sum / self.steps,
            val_loss=val and val.loss,
            val_accuracy=val and val.accuracy,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            images_per_second=images / at.seconds,
            seconds=at.seconds + time.perf_counter() - began,
        )
        self.at = Position(epoch=at.epoch + 1)
        run.append(event)
        run.save_state(self.state())
        return event

    def evaluate(self, images: Images) -> Evaluation:
        """The tested network on images as they are."""
        batches = Batches(images, self.feed(training=False))
        return evaluate(self.tested, batches.epoch(), autocast(self.precision, self.device))

    def finish(self, run: Run) -> Finished:
        """The final figures of all splits, weights and predictions."""
        splits = {"val": self.data.val, "test": self.data.test}
        found = {name: self.evaluate(images) for name, images in splits.items() if images is not None}
        seen = self.evaluate(sample(self.data.train, SEEN_AGAIN))
        rows = run.epochs()
        metrics = {
            "val": found["val"].to_json() if "val" in found else None,
            "test": found["test"].to_json() if "test" in found else None,
            "train": {"n": seen.n, "loss": seen.loss, "accuracy": seen.accuracy},
            "epochs": len(rows),
            "seconds": sum(row["seconds"] for row in rows),
            "images_per_second": max((row["images_per_second"] for row in rows), default=None),
        }
        predictions = {
            f"{split}_{field}": getattr(evaluation, field)
            for split, evaluation in found.items()
            for field in ("labels", "predicted", "probability")
        }
        run.finish(self.tested.state_dict(), predictions, metrics)
        return Finished(metrics)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as tensors and plain values."""
        return {
            "model": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "scaler": self.fabric.strategy.precision.state_dict(),
            "cpu_generator": torch.get_rng_state(),
            "gpu_generator": torch.cuda.get_rng_state() if self.device == "cuda" else None,
            "gradients": self.gradients(),
            "epoch": self.at.epoch,
            "step": self.at.step,
            "loss_sum": self.at.loss_sum,
            "seconds": self.at.seconds,
        }

    def gradients(self) -> dict[str, Tensor]:
        """What has been accumulated but not yet stepped."""
        if self.recipe.accumulate == 1 or self.at.step % self.recipe.accumulate == 0:
            return {}
        return {name: p.grad for name, p in self.net.named_parameters() if p.grad is not None}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` gave."""
        self.net.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        torch.set_rng_state(state["cpu_generator"])
        if self.device == "cuda":
            torch.cuda.set_rng_state(state["gpu_generator"])
        for name, parameter in self.net.named_parameters():
            if name in state["gradients"]:
                parameter.grad = state["gradients"][name].to(parameter)
        self.at = Position(state["epoch"], state["step"], state["loss_sum"], state["seconds"])


def sample(images: Images, count: int) -> Resident:
    """Some of the images, evenly spread, as they are stored."""
    chosen = torch.linspace(0, len(images) - 1, min(len(images), count)).long()
    return Resident(images.pixels(chosen), images.labels[chosen])


def augmentation(own: Augment, recipe: Recipe) -> Augment:
    """The data set's augmentation with what the recipe sets itself."""
    given = {name: getattr(recipe, name) for name in ("crop", "flip", "cutout", "zoom")}
    return replace(own, **{name: value for name, value in given.items() if value is not None})


def describe(data: Data, image_size: int, environment: dict[str, Any]) -> dict[str, Any]:
    """The environment with the data as the run saw it, so that the folder alone is enough to predict."""
    sizes = {name: len(images) if images is not None else 0 for name, images in
             (("train", data.train), ("val", data.val), ("test", data.test))}  # fmt: skip
    named = {"name": data.name, "title": data.title, "classes": list(data.classes), "channels": data.channels}
    pixels = {"size": list(data.size), "mean": list(data.mean), "std": list(data.std)}
    return environment | {"image_size": image_size, "data": named | sizes | pixels}


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets, so that a step is finished and saved; the second one ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, _: Any) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

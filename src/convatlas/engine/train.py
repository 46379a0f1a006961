"""Training as a generator: whoever iterates sees every event, whoever stops iterating stops the run."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data import Augment, Batches, Data, Feed, Images
from ..data.stream import explaining_killed_workers
from ..errors import InputError
from ..ops.loss import classification_loss
from .evaluate import Evaluation, evaluate, sample
from .events import Epoch, Event, Finished, Started, Step
from .hardware import autocast, choose_device, choose_precision, environment
from .optim import make_optimizer
from .recipe import Recipe
from .record import Run
from .schedule import rate
from .stop import Diverged, Interrupted, out_of_memory, stop_requests

FABRIC_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
LOOK_EVERY = 16  # steps between looks at the loss; each look waits for the device
RANDOM = {"cpu": torch, "cuda": torch.cuda, "mps": torch.mps}  # whose generators dropout draws from
SEEN_AGAIN = 2000  # training images that are evaluated at the end, to tell learning by heart


@dataclass(slots=True)
class Position:
    """Where a run stands: `step` batches of `epoch` (from 0) are done, with the sums of this epoch so far."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0


def train(
    model: nn.Module, data: Data, recipe: Recipe, run: Run, image_size: int, *, notes: tuple[str, ...] = ()
) -> Iterator[Event]:
    """Trains from where the run folder stands and leaves everything in it; `notes` go into the first event.

    The last epoch's weights (or their moving average) are what is tested, once, at the end; validation images are
    looked at after each epoch and change nothing. Same recipe, machine and thread count: same bits, also when resumed.

    Shapes   the model maps x (n, channels, image_size, image_size) to logits (n, classes)
    Raises   Diverged, Interrupted and OutOfMemory; the run folder then holds the last saved state
    """
    torch.manual_seed(recipe.seed)
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    run.describe(data, image_size, environment(device, precision))
    with stop_requests() as stop, explaining_killed_workers(), out_of_memory(recipe.batch_size, recipe.accumulate):
        bench = Bench(model, data, recipe, image_size, (device, precision))
        if state := run.load_state():
            bench.restore(state, run)
        run.keep_epochs(bench.at.epoch)
        yield Started(recipe.epochs, bench.steps, bench.at.epoch, bench.at.step, data.warnings, notes)
        while bench.at.epoch < recipe.epochs:
            yield from bench.one_epoch(run, stop)
            yield bench.close_epoch(run)
            if stop.is_set():
                raise Interrupted(f"after epoch {bench.at.epoch} of {recipe.epochs}", run.path)
        yield bench.finish(run)
        if stop.is_set():  # a comparison has more to do
            raise Interrupted("after the last epoch", run.path)


class Bench:
    """A model with all that changes while it trains."""

    def __init__(self, net: nn.Module, data: Data, recipe: Recipe, image_size: int, machine: tuple[str, str]) -> None:
        self.device, self.precision = device, precision = machine
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.net: nn.Module = net.to(device).to(memory_format=layout)
        self.data, self.recipe = data, recipe
        self.image_size = image_size
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision
        fabric = Fabric(accelerator=device, devices=1, precision=FABRIC_PRECISION[precision])  # type: ignore[arg-type]
        trained: Any = torch.compile(self.net) if recipe.compile else self.net
        optimizer = make_optimizer(self.net, recipe, device)
        self.model, self.optimizer = fabric.setup(trained, optimizer)
        self.fabric = fabric
        average = get_ema_multi_avg_fn(recipe.ema) if recipe.ema else None  # type: ignore[no-untyped-call]
        self.ema = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True) if average else None
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
        at = self.at
        self.model.train()
        unread: list[Tensor] = []
        began = saved = time.perf_counter()
        before = at.seconds
        for x, y in self.batches.epoch(at.epoch, at.step):
            lr = self.rate(at.step)
            loss = self.one_step(x, y, lr)
            unread.append(loss)
            at.step += 1
            now = time.perf_counter()
            at.seconds = before + now - began
            due = stop.is_set() or now - saved > 60 * self.recipe.checkpoint_minutes
            if due or at.step % LOOK_EVERY == 0 or at.step == self.steps:
                self.read(unread)
            if due:
                self.save(run)
                saved = now
            if stop.is_set():
                raise Interrupted(f"in epoch {at.epoch + 1} after {at.step} of {self.steps} steps", run.path)
            yield Step(at.epoch + 1, at.step, loss, lr, len(y))

    def gathered(self, step: int) -> tuple[int, int]:
        """How many batches before this one are part of the same step of the optimizer, and how many are in all."""
        before = step % self.recipe.accumulate
        return before, min(self.recipe.accumulate, self.steps - step + before)  # an epoch's last one may gather fewer

    def rate(self, step: int) -> float:
        """The learning rate for a batch, counted from 0, of the current epoch: the same for all that are gathered."""
        before, together = self.gathered(step)
        middle = self.at.epoch * self.steps + step - before + together / 2
        return self.recipe.lr * rate(self.recipe.schedule, middle / (self.steps * self.recipe.epochs), self.recipe.warmup)

    def one_step(self, x: Tensor, y: Tensor, lr: float) -> Tensor:
        """Forward, backward and, when enough batches have been gathered, one step of the optimizer."""
        recipe = self.recipe
        before, together = self.gathered(self.at.step)
        loss = classification_loss(self.model(x), y, recipe.label_smoothing)
        self.fabric.backward(loss / together if together > 1 else loss)
        if before + 1 == together:
            if recipe.clip is not None:
                self.fabric.clip_gradients(self.model, self.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.ema:
                self.ema.update_parameters(self.net)
        return loss.detach()

    def read(self, unread: list[Tensor]) -> None:
        """Adds the losses since the last look to the epoch's sum.

        Raises   Diverged naming the step whose loss is no number
        """
        losses = torch.stack(unread).tolist()
        unread.clear()
        for step, loss in enumerate(losses, start=self.at.step - len(losses)):
            if not math.isfinite(loss):
                raise self.diverged(f"the loss became {loss}", step)
            self.at.loss_sum += loss

    def diverged(self, what: str, step: int) -> Diverged:
        """The error that says where it happened and what to try."""
        return Diverged(
            f"{what} in epoch {self.at.epoch + 1} at step {step + 1} with learning rate {self.rate(step):.3g}: "
            f"try --lr {self.recipe.lr / 4:.2g}, a longer --warmup, --clip 1 or --precision 32"
        )

    def check_weights(self) -> None:
        """Raises Diverged if the last step left a weight that is no finite number, before it is saved over a good one."""
        if not all(bool(tensor.isfinite().all()) for tensor in self.net.state_dict().values()):
            raise self.diverged("the weights stopped being finite", self.at.step - 1)

    def save(self, run: Run) -> None:
        """Replaces the state that --resume reads; a good one is never replaced by a broken one."""
        self.check_weights()
        run.save_state(self.state())

    def close_epoch(self, run: Run) -> Epoch:
        """Validates, writes the epoch's line, then the state that continues after it."""
        at = self.at
        self.check_weights()
        began = time.perf_counter()
        val = self.evaluate(self.data.val) if self.data.val is not None else None
        images = self.steps * self.recipe.batch_size if self.batches.feed.drop_last else len(self.data.train)
        event = Epoch(
            epoch=at.epoch + 1,
            train_loss=at.loss_sum / self.steps,
            val_loss=val.loss if val else None,
            val_accuracy=val.accuracy if val else None,
            learning_rate=self.rate(self.steps - 1),
            images_per_second=images / at.seconds,
            seconds=at.seconds + time.perf_counter() - began,
        )
        run.append(event)
        self.at = Position(epoch=at.epoch + 1)
        run.save_state(self.state())
        return event

    def evaluate(self, images: Images) -> Evaluation:
        """The tested network on images as they are."""
        batches = Batches(images, self.feed(training=False))
        found = evaluate(self.tested, batches.epoch(), autocast(self.precision, self.device))
        if not math.isfinite(found.loss):
            raise self.diverged(f"the loss of held-out images became {found.loss}", self.steps - 1)
        return found

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
            "generators": {name: RANDOM[name].get_rng_state() for name in sorted({"cpu", self.device})},
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

    def restore(self, state: dict[str, Any], run: Run) -> None:
        """Takes over what `state` gave.

        Raises   InputError if it belongs to another recipe
        """
        try:
            self.net.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.ema:
                self.ema.load_state_dict(state["ema"])
            self.fabric.strategy.precision.load_state_dict(state["scaler"])
            for name, parameter in self.net.named_parameters():
                if name in state["gradients"]:
                    parameter.grad = state["gradients"][name].to(parameter)
            self.at = Position(state["epoch"], state["step"], state["loss_sum"], state["seconds"])
            for name, generator in state["generators"].items():
                RANDOM[name].set_rng_state(generator)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{run.path / 'state.pt'} is not of this recipe: start afresh with another --out") from error


def augmentation(own: Augment, recipe: Recipe) -> Augment:
    """The data set's augmentation with what the recipe sets itself."""
    given = {name: getattr(recipe, name) for name in ("crop", "flip", "cutout", "zoom")}
    return replace(own, **{name: value for name, value in given.items() if value is not None})

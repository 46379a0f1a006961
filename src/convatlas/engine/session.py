"""A model with all that changes while it trains."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..data import Batches, Data, Images
from ..errors import InputError
from ..ops.checkpoint import checkpoint_activations
from .average import average_of
from .best import Best
from .evaluate import Evaluation, evaluate, sample
from .events import Epoch, Finished, Step, Unfrozen
from .feeding import make_feed
from .hardware import autocast
from .optim import make_optimizer
from .recipe import Recipe
from .record import Run, pace
from .schedule import accumulation, learning_rate
from .stop import Diverged, Interrupted
from .strategy import Learning, Stages
from .tasks.classify import Objective, class_weights
from .test_time import averaged

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


class Session:
    """A model with all that changes while it trains; `stages` are needed where the strategy is not to train everything."""

    def __init__(
        self,
        net: nn.Module,
        data: Data,
        recipe: Recipe,
        image_size: int,
        machine: tuple[str, str],
        *,
        stages: Stages | None = None,
        teacher: nn.Module | None = None,
    ) -> None:
        self.device, self.precision = device, precision = machine
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.net: nn.Module = net.to(device).to(memory_format=layout)
        self.data, self.recipe = data, recipe
        self.image_size = image_size
        self.learning = Learning(self.net, recipe, stages)
        self.average = average_of(self.net, recipe)
        if recipe.checkpoint_activations:
            checkpoint_activations(self.net)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision
        fabric = Fabric(accelerator=device, devices=1, precision=FABRIC_PRECISION[precision])  # type: ignore[arg-type]
        trained: Any = torch.compile(self.net) if recipe.compile else self.net
        self.model, self.optimizer = fabric.setup(trained, make_optimizer(self.learning.learners, recipe, device))
        self.fabric = fabric
        weights = class_weights(data.train.labels, len(data.classes)).to(device) if recipe.balance == "weights" else None
        self.objective = Objective(recipe, weights, teacher.to(device).to(memory_format=layout) if teacher else None)
        self.feed = partial(make_feed, recipe, data, image_size, device)
        self.batches = Batches(data.train, self.feed(training=True))
        self.steps = len(self.batches)
        self.at = Position()
        self.best = Best() if recipe.patience else None
        self.settled = False  # the norms of averaged weights have seen the images

    @property
    def tested(self) -> nn.Module:
        """The network whose accuracy counts: the average if there is one."""
        average = self.average
        return average.module if average and average.begun and (self.recipe.ema or self.settled) else self.net

    @property
    def done(self) -> bool:
        """Whether all epochs have passed, or so many without a better one that no more will come."""
        waited = self.best is not None and self.at.epoch - self.best.epoch >= (self.recipe.patience or 0)
        return self.at.epoch >= self.recipe.epochs or (waited and self.at.step == 0)

    def enter(self) -> Iterator[Unfrozen]:
        """Freezes and thaws what the current epoch asks for, and tells where that changes."""
        if self.learning.enter(self.at.epoch) and self.recipe.strategy != "full":
            yield Unfrozen(self.at.epoch + 1, self.learning.words())

    def one_epoch(self, run: Run, stop: threading.Event) -> Iterator[Step | Unfrozen]:
        """The rest of the current epoch; saves every few minutes and when asked to stop."""
        at = self.at
        yield from self.enter()
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

    def rate(self, step: int) -> float:
        """The learning rate for a batch, counted from 0, of the current epoch: the same for all that are gathered."""
        before, together = accumulation(step, self.steps, self.recipe.accumulate)
        middle = self.at.epoch * self.steps + step - before + together / 2
        return learning_rate(self.recipe, self.learning.phase.span, middle, self.steps)

    def one_step(self, x: Tensor, y: Tensor, lr: float) -> Tensor:
        """Forward, backward and, when enough batches have been gathered, one step of the optimizer."""
        recipe = self.recipe
        before, together = accumulation(self.at.step, self.steps, recipe.accumulate)
        loss = self.objective(self.model(x), x, y)
        self.fabric.backward(loss / together if together > 1 else loss)
        if before + 1 == together:
            if recipe.clip is not None:
                self.fabric.clip_gradients(self.model, self.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            for group in self.optimizer.param_groups:
                group["lr"] = lr * self.learning.share(group["part"])
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.average:
                self.average.after_step(self.net)
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
        if self.average:
            self.average.after_epoch(self.net, at.epoch + 1, self.recipe.epochs)
        val = self.evaluate(self.data.val) if self.data.val is not None else None
        if self.best and val:
            self.best.offer(at.epoch + 1, val.accuracy, val.loss, self.tested)
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

    def evaluate(self, images: Images, tta: str = "none") -> Evaluation:
        """The tested network on images as they are, or on views of them."""
        batches = Batches(images, self.feed(training=False))
        found = evaluate(averaged(self.tested, tta), batches.epoch(), autocast(self.precision, self.device))
        if not math.isfinite(found.loss):
            raise self.diverged(f"the loss of held-out images became {found.loss}", self.steps - 1)
        return found

    def settle(self) -> None:
        """Leaves in the tested network what counts: the best epoch's weights, or an average whose norms know it."""
        if self.best:
            self.tested.load_state_dict(self.best.weights)
        if self.average and self.recipe.swa:
            feed = replace(self.feed(training=True), augment=None, shuffle=False)
            self.average.update_batch_norms(Batches(self.data.train, feed).epoch(), autocast(self.precision, self.device))
            self.settled = True

    def finish(self, run: Run) -> Finished:
        """The final figures of all splits, weights and predictions."""
        self.settle()
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
            "images_per_second": pace([row["images_per_second"] for row in rows], alike=len(self.learning.plan) == 1),
            "trained_parameters": self.learning.trained(),
        }
        if self.best:
            metrics["best_epoch"] = self.best.epoch
        if self.recipe.tta != "none":
            views = {name: self.evaluate(images, self.recipe.tta) for name, images in splits.items() if images is not None}
            metrics["tta"] = {"views": self.recipe.tta} | {name: found.to_json() for name, found in views.items()}
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
            "average": self.average.state_dict() if self.average else None,
            "best": self.best.to_state() if self.best else None,
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
            if self.average:
                self.average.load_state_dict(state["average"])
            if self.best:
                self.best = Best.from_state(state["best"])
            self.fabric.strategy.precision.load_state_dict(state["scaler"])
            for name, parameter in self.net.named_parameters():
                if name in state["gradients"]:
                    parameter.grad = state["gradients"][name].to(parameter)
            self.at = Position(state["epoch"], state["step"], state["loss_sum"], state["seconds"])
            for name, generator in state["generators"].items():
                RANDOM[name].set_rng_state(generator)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{run.path / 'state.pt'} is not of this recipe: start afresh with another --out") from error

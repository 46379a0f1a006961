"""A model with all that changes while it trains."""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..anatomy.load import CoreTime
from ..data import Batches, Data
from ..errors import InputError
from ..ops.checkpoint import checkpoint_activations
from ..ops.conv import prepare_layout
from .average import make_average
from .events import Step, Unfrozen
from .feeding import make_feed
from .optim import make_optimizer
from .recipe import Recipe
from .record import Run
from .schedule import accumulation, learning_rate
from .stop import Diverged, Interrupted
from .strategy import Learning, Stages
from .task import Task, total
from .tasks import TASKS

FABRIC_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
USUAL = {"sgd": 0.1, "adamw": 0.001}  # learning rates that most networks stand
LOOK_EVERY = 16  # steps between looks at the loss; each look waits for the device
RANDOM = {"cpu": torch, "cuda": torch.cuda, "mps": torch.mps}  # whose generators dropout draws from


@dataclass(slots=True)
class Position:
    """Where a run stands: `step` batches of `epoch` (from 0) are done, with the sums of this epoch so far."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Best:
    """The best epoch so far, counted from 1: by the deciding figure, then by the lowest loss; and its weights."""

    epoch: int = 0
    figures: tuple[float, float] = (-math.inf, -math.inf)  # the deciding one such that more is better, negative loss
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, epoch: int, figures: tuple[float, float], model: nn.Module) -> None:
        """Takes an epoch that is better than all before."""
        if figures > self.figures:
            self.epoch, self.figures = epoch, figures
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def to_state(self) -> dict[str, Any]:
        """Plain values and tensors by name."""
        return {"epoch": self.epoch, "figures": list(self.figures), "weights": self.weights}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Best":
        """What `to_state` gave."""
        decides, loss = state["figures"]
        return cls(state["epoch"], (decides, loss), dict(state["weights"]))


class Session:
    """A model with all that changes while it trains.

    `stages` are needed where the strategy is not to train everything; the task is the data's if none is given.
    """

    def __init__(
        self,
        net: nn.Module,
        data: Data,
        recipe: Recipe,
        image_size: int,
        machine: tuple[str, str],
        *,
        task: Task | None = None,
        stages: Stages | None = None,
        teacher: nn.Module | None = None,
    ) -> None:
        self.device, self.precision = device, precision = machine
        self.net: nn.Module = net.to(device)
        layout = prepare_layout(self.net, recipe.channels_last)
        recipe = replace(recipe, channels_last=layout == torch.channels_last)
        self.data, self.recipe = data, recipe
        self.task = task or TASKS[data.task]
        self.image_size = image_size
        self.learning = Learning(self.net, recipe, stages)
        self.average = make_average(self.net, recipe)
        if recipe.checkpoint_activations:
            checkpoint_activations(self.net)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision
        if not torch.cuda.is_available():  # Fabric sets it, and each step of AdamW would search the disk for a driver
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
        gpus = [torch.cuda.current_device()] if device == "cuda" else 1
        fabric = Fabric(accelerator=device, devices=gpus, precision=FABRIC_PRECISION[precision])  # type: ignore[arg-type]
        trained: Any = torch.compile(self.net) if recipe.compile else self.net
        self.model, self.optimizer = fabric.setup(trained, make_optimizer(self.learning.learners, recipe, device))
        self.fabric = fabric
        teacher = teacher.to(device).to(memory_format=layout) if teacher else None
        self.loss = self.task.loss(replace(recipe, precision=precision), data, teacher)
        self.feed = partial(make_feed, recipe, data, image_size, device)
        self.batches = Batches(data.train, self.feed(training=True))
        self.steps = len(self.batches)
        self.at = Position()
        self.core_time: CoreTime | None = None  # when the current epoch began
        self.best = Best() if recipe.patience else None
        self.norms_are_updated = False  # those of averaged weights

    @property
    def network_to_test(self) -> nn.Module:
        """The network whose figures count: the average if there is one."""
        average = self.average
        return average.module if average and average.begun and (self.recipe.ema or self.norms_are_updated) else self.net

    @property
    def done(self) -> bool:
        """Whether all epochs have passed, or so many without a better one that no more will come."""
        waited = self.best is not None and self.at.epoch - self.best.epoch >= (self.recipe.patience or 0)
        return self.at.epoch >= self.recipe.epochs or (waited and self.at.step == 0)

    def enter_phase(self) -> Iterator[Unfrozen]:
        """Freezes and unfreezes what the current epoch asks for, and reports where that changes."""
        if self.learning.enter(self.at.epoch) and self.recipe.strategy != "full":
            yield Unfrozen(self.at.epoch + 1, self.learning.words())

    def train_epoch(self, run: Run, stop: threading.Event) -> Iterator[Step | Unfrozen]:
        """The rest of the current epoch; saves every few minutes and when asked to stop.

        Raises   Interrupted after it has saved; Diverged if the loss is not finite
        """
        at = self.at
        self.core_time = CoreTime.now()
        yield from self.enter_phase()
        unread: list[Tensor] = []
        began = saved = time.perf_counter()
        before = at.seconds
        for x, y in self.batches.epoch(at.epoch, at.step):
            lr = self.learning_rate(at.step)
            loss = self.step(x, y, lr)
            unread.append(loss)
            at.step += 1
            now = time.perf_counter()
            at.seconds = before + now - began
            due = stop.is_set() or now - saved > 60 * self.recipe.checkpoint_minutes
            if due or at.step % LOOK_EVERY == 0 or at.step == self.steps:
                self.read_losses(unread)
            if due:
                self.save(run)
                saved = now
            if stop.is_set():
                raise Interrupted(f"in epoch {at.epoch + 1} after {at.step} of {self.steps} steps", run.path)
            yield Step(at.epoch + 1, at.step, loss, lr, len(y))

    def learning_rate(self, step: int) -> float:
        """The learning rate for a batch, counted from 0, of the current epoch: the same for all that are accumulated."""
        before, together = accumulation(step, self.steps, self.recipe.accumulate)
        middle = self.at.epoch * self.steps + step - before + together / 2
        return learning_rate(self.recipe, self.learning.phase.span, middle, self.steps)

    def step(self, x: Tensor, y: Tensor, lr: float) -> Tensor:
        """Forward, backward and, when enough batches have been accumulated, one step of the optimizer; the batch's loss.

        Shapes   x (n, c, h, w) and its target → a scalar
        """
        recipe = self.recipe
        before, together = accumulation(self.at.step, self.steps, recipe.accumulate)
        loss = total(self.loss(self.model, x, y))
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

    def read_losses(self, unread: list[Tensor]) -> None:
        """Adds the losses since the last look to the epoch's sum.

        Raises   Diverged naming the step whose loss is NaN or infinite
        """
        losses = torch.stack(unread).tolist()
        unread.clear()
        for step, loss in enumerate(losses, start=self.at.step - len(losses)):
            if not math.isfinite(loss):
                raise self.divergence(f"the loss became {loss}", step, learned=self.at.epoch > 0 or step > 0)
            self.at.loss_sum += loss

    def divergence(self, what: str, step: int, *, learned: bool = True) -> Diverged:
        """The error that says where it happened and what to try."""
        where = f"{what} in epoch {self.at.epoch + 1} at step {step + 1}"
        recipe = self.recipe
        exact = " or --precision 32" * (self.precision != "32")
        if not learned:
            remedy = "--mean and --std that suit the images, and weights without NaN" if recipe.weights else "--mean and --std"
            return Diverged(f"{where}, before anything was learned: look at {remedy}{exact}")
        clip = ", --clip 1" if recipe.clip is None else ""
        rates = f"learning rate {self.learning_rate(step):.3g}: try --lr {self.lower_rate(step):.2g}"
        return Diverged(f"{where} with {rates}, a longer --warmup{clip}{exact}")

    def lower_rate(self, step: int) -> float:
        """A rate below all up to a step, counted from 0, of the epoch, and no higher than usual ones of the optimizer."""
        steps, (first, end) = self.steps, self.learning.phase.span
        risen = (self.at.epoch - first) * steps + step >= self.recipe.warmup * steps * (end - first)
        return min((self.recipe.lr if risen else self.learning_rate(step)) / 4, USUAL[self.recipe.optimizer])

    def check_weights(self) -> None:
        """Raises Diverged if the last step left a weight that is NaN or infinite, before it is saved over a good one."""
        if not all(bool(tensor.isfinite().all()) for tensor in self.net.state_dict().values()):
            raise self.divergence("the weights stopped being finite", self.at.step - 1)

    def save(self, run: Run) -> None:
        """Replaces the state that --resume reads; a good one is never replaced by a broken one."""
        self.check_weights()
        run.save_state(self.state())

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as tensors and plain values."""
        return {
            "model": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "best": self.best.to_state() if self.best else None,
            "scaler": self.fabric.strategy.precision.state_dict(),
            "generators": {name: RANDOM[name].get_rng_state() for name in sorted({"cpu", self.device})},
            "gradients": self.accumulated_gradients(),
            "epoch": self.at.epoch,
            "step": self.at.step,
            "loss_sum": self.at.loss_sum,
            "seconds": self.at.seconds,
        }

    def accumulated_gradients(self) -> dict[str, Tensor]:
        """The gradients that no step of the optimizer has used yet."""
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
            raise InputError(f"{run.path / 'state.pt'} is not of this recipe: start again with another --out") from error

"""What can be compared with values: weights that move both ways, and what both networks compute from them."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from ..models import Variant, create_model, create_on_meta
from ..models.family import SMALL
from .memory import comparison_memory, human
from .names import Pairing
from .random_weights import calibrate_batch_norms, empty_model, randomize_weights, without_dropout, without_fused_attention
from .references import Reference
from .verdict import Check, Outcome, skipped_check

SIDE, WIDER = 97, 130  # pixels: odd, not square, and the last map still has 4x5 of them after five halvings
BATCH = 2
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-9}  # relative differences up to here are roundings
FLOOR = 1e-3  # of the largest gradient: smaller ones are compared with this, since some are zero but for roundings

Pair = Callable[[nn.Module, nn.Module], Pairing | str]


@dataclass(frozen=True, slots=True)
class Trial:
    """Images that both networks take, and what it takes to compare them with these."""

    built_for: int
    size: tuple[int, int, int]  # channels, height, width
    dtype: torch.dtype
    memory: int = 0

    def images(self, device: str) -> Tensor:
        return torch.randn(BATCH, *self.size, dtype=self.dtype, device=device)

    def __str__(self) -> str:
        bits = ", 64 bits" if self.dtype is torch.float64 else ""
        return f"{BATCH} images of {self.size[1]}x{self.size[2]}{bits}"


def choose_trial(network: Variant, reference: Reference) -> Trial:
    """The smallest images that both can be trained on, without being small ones to which the stem would adapt.

    torchvision computes and draws in our order, so that nothing should differ, be it by a bit. Other libraries add and draw in
    other orders: with them both compute in 64 bits and without dropout.

    Raises   what the network raises that does not even take the published images
    """
    native = network.native
    dtype = torch.float32 if reference.library == "torchvision" else torch.float64
    side, c = native.fitting_size(SIDE) if native.image_size > SMALL else native.image_size, native.in_channels
    for size in ((c, side, side * WIDER // SIDE), (c, side, side)):
        with suppress(RuntimeError, ValueError, AssertionError):
            return with_memory(network, reference, Trial(side, size, dtype))
    return with_memory(network, reference, Trial(native.image_size, (c, native.image_size, native.image_size), dtype))


def with_memory(network: Variant, reference: Reference, plan: Trial) -> Trial:
    """The trial with the memory it takes, once both have taken its images on the meta device."""
    x = plan.images("meta")
    create_on_meta(network, image_size=plan.built_for).to(plan.dtype).train()(x)
    theirs = empty_model(lambda: reference.build(plan.built_for), plan.dtype, tables=False)
    return replace(plan, memory=comparison_memory(theirs, x))


def compare_values(network: Variant, reference: Reference, pair: Pair, memory: int) -> Iterator[Check]:
    """Derived tables, strict loading both ways, logits in both modes, gradients and running statistics.

    What differs in 32 bits is computed again in 64, which make a rounding smaller and a mistake not.
    """
    plan = choose_trial(network, reference)
    if plan.memory > memory:
        yield skipped_check("values", f"{human(plan.memory)} of memory are needed, {human(memory)} allowed")
        return
    checks = list(compare_on(network, reference, pair, plan))
    if plan.dtype is torch.float32 and any(check.difference for check in checks) and 2 * plan.memory <= memory:
        checks = list(compare_on(network, reference, pair, replace(plan, dtype=torch.float64)))
    yield from checks


def compare_on(network: Variant, reference: Reference, pair: Pair, plan: Trial) -> Iterator[Check]:
    """The comparison of values with these images; parameters share their memory.

    Raises   ValueError if the reference's logits are the same for two images
    """
    ours = empty_model(lambda: create_model(network, image_size=plan.built_for), plan.dtype)
    theirs, back = (empty_model(lambda: reference.build(plan.built_for), plan.dtype) for _ in range(2))
    pairs = pair(ours, theirs)
    if isinstance(pairs, str):
        yield skipped_check("values", "tensors cannot be paired")
        return
    if reference.library != "torchvision":
        without_dropout(ours)
        without_dropout(theirs)
    torch.manual_seed(0)
    x = plan.images("cpu")
    yield compare_tensors("tables", *tables(ours, theirs, pairs), x.dtype)
    randomize_weights(theirs)
    calibrate_batch_norms(theirs, x)
    yield from exchange_weights(ours, theirs, back, pairs)
    with torch.no_grad(), without_fused_attention():
        expected = theirs.eval()(x)
        if torch.equal(expected[0], expected[1]):
            raise ValueError("the reference's logits are the same for two images")
        yield compare_tensors("logits", [ours.eval()(x), back.eval()(x)], [expected, expected], x.dtype, str(plan))
    del back
    yield from training_step(ours, theirs, x, pairs)


def tables(ours: nn.Module, theirs: nn.Module, pairs: Pairing) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors of a file that are never trained: initial statistics, and what follows from sizes, as indices of positions.

    Shapes   → pairs of any one shape
    """
    mine, other = ours.state_dict(), theirs.state_dict()
    fixed = {key for key, _ in theirs.named_buffers()} & pairs.ours.keys()
    return [mine[pairs.ours[key]] for key in fixed], [other[key] for key in fixed]


def exchange_weights(ours: nn.Module, theirs: nn.Module, back: nn.Module, pairs: Pairing) -> Iterator[Check]:
    """Loads the reference's weights into ours, and ours into a second one of the reference's; parameters share their memory."""
    held = {key for key, _ in theirs.named_parameters()}
    state = theirs.state_dict()
    state.update({key: value.clone() for key, value in state.items() if key not in held})
    ours.load_state_dict(pairs.to_ours(state, ours.state_dict()), strict=True, assign=True)
    yield Check("weights to ours", Outcome.EQUAL, f"{len(state)} tensors {pairs.how}")
    back.load_state_dict(pairs.to_theirs(ours.state_dict(), back.state_dict()), strict=True, assign=True)
    yield Check("weights from ours", Outcome.EQUAL, f"{len(state)} tensors {pairs.how}")


def training_step(ours: nn.Module, theirs: nn.Module, x: Tensor, pairs: Pairing) -> Iterator[Check]:
    """Logits in training mode, auxiliary ones included, every gradient, and the running statistics of norms.

    Our gradients are compared and freed one by one, so that only those of one network are in memory.

    Shapes   x (n, c, h, w)
    """
    expected = take_step(theirs, x)
    other = {pairs.ours[key]: p.grad for key, p in theirs.named_parameters()}
    floor = FLOOR * max((g.abs().max().item() for g in other.values() if g is not None), default=0.0)
    apart: dict[str, float] = {}

    def compare(name: str, p: Tensor) -> None:
        apart[name] = largest_difference(p.grad, other.pop(name), floor)
        p.grad = None

    for name, p in ours.named_parameters():
        p.register_post_accumulate_grad_hook(partial(compare, name))  # type: ignore[no-untyped-call]
    own = take_step(ours, x)
    yield compare_tensors("logits in training", own, expected, x.dtype)
    apart |= {name: math.inf for name, g in other.items() if g is not None}  # we have none
    worst = max(apart, key=lambda name: apart[name])
    yield judge_difference("gradients", apart[worst], x.dtype, f"{len(apart)}", f"of {worst}")
    held, mine = dict(theirs.named_buffers()), dict(ours.named_buffers())
    rows = [(mine.get(name), held[key]) for key, name in pairs.ours.items() if key in held]
    yield compare_tensors("statistics", [a for a, _ in rows], [b for _, b in rows], x.dtype)


def take_step(model: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """The logits of a training step, which leaves its gradients in the network.

    Shapes   x (n, c, h, w) → logits (n, k) each
    """
    torch.manual_seed(1)
    y = model.train()(x)
    logits = tuple(y) if isinstance(y, tuple) else (y,)
    torch.autograd.backward(logits, [torch.randn(v.shape, dtype=v.dtype) for v in logits])
    return tuple(v.detach() for v in logits)


def compare_tensors(
    name: str, own: Sequence[Tensor | None], expected: Sequence[Tensor], dtype: torch.dtype, words: str = ""
) -> Check:
    """The check that two rows of tensors are equal.

    Shapes   any
    """
    if len(own) != len(expected):
        return Check(name, Outcome.DIFFERS, f"are {len(own)} tensors", f"{len(expected)}")
    return judge_difference(name, max(map(largest_difference, own, expected), default=0.0), dtype, words)


def judge_difference(name: str, apart: float, dtype: torch.dtype, words: str, where: str = "") -> Check:
    """The check of a largest difference."""
    outcome = Outcome.EQUAL if apart == 0 else Outcome.CLOSE if apart <= CLOSE[dtype] else Outcome.DIFFERS
    wrong = outcome is Outcome.DIFFERS
    return Check(name, outcome, f"differ by {apart:.1e} {where}".rstrip() if wrong else words, difference=apart)


def largest_difference(a: Tensor | None, b: Tensor | None, floor: float = 0.0) -> float:
    """The largest difference, relative to the largest entry of b, or to the floor if that is larger.

    Infinite where one of the two is missing, has another size or type, or holds a NaN.

    Shapes   a and b have as many elements
    """
    if a is None or b is None or a.dtype != b.dtype or a.numel() != b.numel():
        return math.inf
    a = a.reshape(b.shape)
    if torch.equal(a, b):
        return 0.0
    scale = max(b.double().abs().max().item(), floor)
    apart = (a.double() - b.double()).abs().max().item() / scale if scale else math.inf
    return apart if math.isfinite(apart) else math.inf

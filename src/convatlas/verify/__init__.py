"""The certificate: each network beside a reference that is installed here, compared on the spot."""

import gc
import time
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from ..models import Variant, count_parameters, create_on_meta, variant
from ..models.history import sections
from .layout import check_paper, compare_layouts, compare_macs
from .memory import available, parse_size
from .names import Pairing, pairing
from .random_weights import empty_model
from .references import Reference, reference_of
from .values import compare_values
from .verdict import Check, Outcome, Verdict, skipped_check, summary

__all__ = ["Check", "Outcome", "Verdict", "available", "parse_size", "summary", "verify"]

FAILURES = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError)
NOT_INSTALLED = "{0} is not installed: pip install {0}"


def verify(names: Iterable[str], memory: int | None = None, *, quick: bool = False) -> Iterator[Verdict]:
    """A verdict for each network as soon as it is judged; one network is in memory at a time.

    `memory` is what comparing values may take, all that is free if not given; `quick` compares no values.

    Units    memory in bytes
    Raises   InputError with the nearest names if there is no such network
    """
    for name in names:
        yield judge(variant(name), available() if memory is None else memory, quick=quick)
        gc.collect()


def judge(network: Variant, memory: int, *, quick: bool) -> Verdict:
    """The verdict on one network; a comparison that stops with an error counts as a difference."""
    began = time.perf_counter()
    family = network.family
    ours = create_on_meta(network)
    reference, missing = reference_of(network)
    checks: list[Check] = []
    with torch.random.fork_rng(devices=[]):
        try:
            checks.extend(check_paper(network, ours))
            if reference:
                checks.extend(compare(network, ours, reference, None if quick else memory))
        except MemoryError:
            checks.append(skipped_check("values", "memory ran out"))
        except FAILURES as error:
            if "allocate memory" in str(error):  # as PyTorch says it
                checks.append(skipped_check("values", "memory ran out"))
            else:
                checks.append(Check("comparison", Outcome.DIFFERS, f"stopped with {type(error).__name__}: {error}"))
    if reference:
        checks += [skipped_check(library, NOT_INSTALLED.format(library)) for library in missing]
    else:
        why = "; ".join(map(NOT_INSTALLED.format, missing)) or "no library has the network"
        checks.append(skipped_check("values", why))
    first = family.papers[0]
    return Verdict(
        name=network.name,
        family=family.name,
        reference=str(reference) if reference else f"{first.authors} {first.year}",
        parameters=count_parameters(ours),
        checks=tuple(checks),
        history=sections(network).get("Differs", ""),
        seconds=round(time.perf_counter() - began, 3),
    )


def compare(network: Variant, ours: nn.Module, reference: Reference, memory: int | None) -> Iterator[Check]:
    """Everything that can be compared with another library's network; no values if no memory is given for them."""
    theirs = empty_model(lambda: reference.build(network.native.image_size), torch.float32, tables=False)

    def pair(mine: nn.Module, other: nn.Module) -> Pairing | str:
        return pairing(other.state_dict(), mine.state_dict(), network.family.renames)

    if reference.adjusted:
        difference, _, why = reference.adjusted.partition(": ")
        yield Check("reference", Outcome.KNOWN, difference, why=why)
    yield from compare_layouts(ours, theirs, pair(ours, theirs))
    yield compare_macs(ours, theirs, network.native, reference)
    del theirs
    if memory is None:
        yield skipped_check("values", "left out by --quick")
    else:
        yield from compare_values(network, reference, pair, memory)

"""Learning rates over a run, as pure functions of progress."""

from math import cos, pi

from .recipe import Recipe


def learning_rate(recipe: Recipe, span: tuple[int, int], step: float, steps: int) -> float:
    """The recipe's rate at a step of its run, for a schedule that runs once over the epochs of `span`.

    With --swa the rate stays what it is where the averaging begins.

    Units    step counts from 0 over the whole run, and is 1/2 in the middle of the first one; steps are those of an epoch
    """
    first, end = span
    progress = (step - first * steps) / (steps * (end - first))
    if recipe.swa:
        progress = min(progress, 1 - recipe.swa)
    return recipe.lr * rate(recipe.schedule, progress, recipe.warmup)


def accumulation(step: int, steps: int, accumulate: int) -> tuple[int, int]:
    """How many batches before this one of an epoch are part of the same step of the optimizer, and how many are in all."""
    before = step % accumulate
    return before, min(accumulate, steps - step + before)  # an epoch's last one may accumulate fewer


def rate(schedule: str, progress: float, warmup: float) -> float:
    """The learning rate as a share of the highest one.

    onecycle   rises linearly, then falls linearly to zero (Smith and Topin 2017, arXiv:1708.07120, without its tail)
    cosine     rises linearly, then falls as half a cosine to zero (Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5)
    step       rises linearly, then divides by ten at 1/2 and 3/4 (He et al. 2015, arXiv:1512.03385, §4.2)
    constant   rises linearly, then stays

    Units    progress and warmup are shares of all steps in [0, 1]; step i of n, counted from 0, has progress (i + 1/2) / n
    """
    if progress < warmup:
        return progress / warmup
    fallen = (progress - warmup) / (1 - warmup)  # 0 at the top, 1 at the end
    match schedule:
        case "onecycle":
            return 1 - fallen
        case "cosine":
            return (1 + cos(pi * fallen)) / 2
        case "step":
            return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01
        case _:
            return 1.0

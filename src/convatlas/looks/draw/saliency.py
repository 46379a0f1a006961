"""Saliency maps of several methods beside each image, and tests of the maps."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError, count_of
from ...insight.cam import CAMS
from ...insight.predictions import class_index
from ...insight.saliency import Saliency, saliency
from ...insight.saliency_checks import Curves, Randomization, curves, randomization
from ...insight.subject import Subject
from ...views import saliency as view
from ...views import style
from ...views.confusion import class_name
from ..picture import Picture

COUNT = 5
LARGE = 64  # pixels on each side: a test takes hundreds of passes for each map, above this size fewer images are tested
CURVED, RANDOMIZED, DEPTHS = (12, 2), (3, 1), (10, 5)  # at most so many, up to that size and above it


def pictures(
    subject: Subject, *, at: Sequence[int], layer: Sequence[str], count: int | None, methods: Sequence[str],
    target: str | None, sanity: bool, seed: int,
) -> Iterator[Picture]:  # fmt: skip
    """The maps of the images, then the tests of the maps unless `sanity` is False.

    Raises   InputError for an image, class or layer that does not exist, and for layers where no method uses one
    """
    uses_layer = bool(CAMS.keys() & set(methods))
    if layer and not uses_layer:
        raise InputError(f"layer needs a method that uses one: to look at {', '.join(layer)} add {', '.join(CAMS)}")
    subject.check_places(at)
    class_ = None if target is None else class_index(subject, target)
    layers = tuple(layer) or ((subject.cam_layer,) if uses_layer else ())
    places = list(at) or subject.evenly(count or COUNT)
    x = subject.x(places)
    maps = [
        saliency(subject.model, x, method, target=class_, layer=name, seed=seed)
        for method in methods
        for name in (layers if method in CAMS else (None,))
    ]
    yield sheet(subject, places, x, maps, class_)
    if sanity:
        yield check_maps(subject, x, maps, seed)


def sheet(subject: Subject, places: Sequence[int], x: Tensor, maps: Sequence[Saliency], target: int | None) -> Picture:
    """One row per image, one column per method.

    Shapes   x (n, c, h, w), normalized
    """
    columns = [view.Column(view.TITLES[of.method], source(of), of.maps) for of in maps]
    answers = [answer(subject, place, row, maps[0], target) for row, place in enumerate(places)]
    what = "the predicted class" if target is None else f"the class {class_name(subject.classes, target)}"
    caption = (
        f"The evidence of each pixel for {what}; 1 is the {view.BRIGHTEST}th percentile of each map, evidence against the "
        f"class is not shown. {sources(maps)}"
    )
    return Picture(
        "saliency", view.figure(network_pixels(subject, x), columns, answers), f"Saliency of {subject.title}", caption
    )


def sources(maps: Sequence[Saliency]) -> str:
    """Which layers class activation maps were computed at, and whether other methods explain the pixels."""
    layers = list(dict.fromkeys(of.layer for of in maps if of.layer))
    cams = "Class activation maps are computed at " + " and ".join(layers) + ", enlarged to the image" if layers else ""
    pixels = any(of.layer is None for of in maps)
    return f"{cams}{'; the other methods explain the pixels' if cams and pixels else ''}{'.' if cams else ''}".strip()


def source(maps: Saliency) -> str:
    """The line below a method's name: its layer, or the pixels."""
    return f"at {maps.layer}" if maps.layer else "of the pixels"


def answer(subject: Subject, place: int, row: int, maps: Saliency, target: int | None) -> view.AnswerText:
    """The prediction for an image, right in green and wrong in red, and the explained class where it is another one."""
    true, top = int(subject.labels[place]), int(maps.predicted[row])
    name = class_name(subject.classes, top)
    share = probability_text(float(maps.probabilities[row]))
    if target is not None and target != top:
        text, second = name, f"explained: {class_name(subject.classes, target)} {share}"
    else:
        text, second = f"{name} {share}", ""
    if true < 0:
        return view.AnswerText(text, style.INK, second)
    if true == top:
        return view.AnswerText(f"✓ {text}", style.RIGHT, second)
    return view.AnswerText(f"✗ {text}", style.WRONG, second or f"is {class_name(subject.classes, true)}")


def probability_text(share: float) -> str:
    """A probability in percent; what is nearly 100 % is not rounded to it, nor what is above zero to 0 %."""
    if 0 < share < 0.01:
        return "< 1 %"
    return f"{min(100 * share, 99.9):.1f} %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def network_pixels(subject: Subject, x: Tensor) -> list[NDArray[np.uint8]]:
    """The network's input as images again, without the normalization.

    Shapes   x (n, c, h, w), normalized → (h, w, c) uint8 each
    """
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (subject.mean, subject.std))
    pixels = (255 * (x.cpu() * std + mean)).round().clamp(0, 255).to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).numpy())


def check_maps(subject: Subject, x: Tensor, maps: Sequence[Saliency], seed: int) -> Picture:
    """Deletion, insertion and randomization, as means over the images.

    Shapes   x (n, c, h, w), normalized
    """
    large = subject.image_size > LARGE
    n, k = (min(most[large], len(x)) for most in (CURVED, RANDOMIZED))
    titles, targets = [title_of(of, maps) for of in maps], maps[0].targets[:n].tolist()
    noise = np.random.default_rng(seed).random((n, *x.shape[2:]), np.float32)
    measured = [curves(subject.model, x[:n], of.maps[:n], targets) for of in maps]
    chance = curves(subject.model, x[:n], noise, targets)
    randomized = [randomization(subject.model, x[:k], of[:k], depths=DEPTHS[large], seed=seed) for of in maps]
    figure = view.checks_figure(panels(titles, measured, chance, randomized))
    curved, shuffled = count_of(n, "image"), count_of(k, "image")
    caption = (
        f"Left, mean of {curved}: the explained class's probability while the pixels with the highest values in the "
        f"map become the mean color; with a good map it falls at once. Middle: while they come back into the blurred image; "
        f"with a good map it rises at once. Dashed: pixels in random order. Right, mean of {shuffled}: Spearman's rank "
        f"correlation of each map with the map of the same network once the weights of a share of its layers are shuffled, "
        f"from the head down; a method whose maps stay the same does not show what was learned."
    )
    return Picture("saliency-sanity", figure, f"Sanity checks of the saliency maps of {subject.title}", caption)


def title_of(maps: Saliency, others: Sequence[Saliency]) -> str:
    """A method's name, with its layer where there are several."""
    several = sum(other.method == maps.method for other in others) > 1
    return f"{view.TITLES[maps.method]}, {maps.layer}" if several else view.TITLES[maps.method]


def signed_number(value: float) -> str:
    """Two decimals and the sign; zero without a sign."""
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", "−") if rounded else "0.00"


def panels(
    titles: Sequence[str], measured: Sequence[Curves], chance: Curves, randomized: Sequence[Randomization]
) -> list[view.Panel]:
    """The three tests, each as means over the images."""
    both = [*zip(titles, measured, [False] * len(measured), strict=True), ("random order", chance, True)]
    deletion = [
        view.Line(title, c.deletion.mean(0), f"{c.deletion_area.mean():.2f}", faint) for title, c, faint in both
    ]  # fmt: skip
    insertion = [
        view.Line(title, c.insertion.mean(0), f"{c.insertion_area.mean():.2f}", faint) for title, c, faint in both
    ]  # fmt: skip
    correlation = [
        view.Line(title, r.correlation.mean(0), signed_number(float(r.correlation[:, -1].mean())))
        for title, r in zip(titles, randomized, strict=True)
    ]
    return [
        view.Panel("Deletion: probability (area, lower is better)", "pixels removed", chance.pixels, tuple(deletion)),
        view.Panel("Insertion: probability (area, higher is better)", "pixels restored", chance.pixels, tuple(insertion)),
        view.Panel(
            "Randomization: correlation (all layers)",
            "layers shuffled, head first",
            randomized[0].depth,
            tuple(correlation),
            dots=True,
        ),
    ]

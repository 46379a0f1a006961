"""What an answer hangs on: maps of several methods beside each image, and whether they hold what they promise."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, unknown
from ..insight.cam import CAMS, cam_layer
from ..insight.predictions import class_index
from ..insight.saliency import METHODS, Saliency, saliency
from ..insight.saliency_checks import Curves, Randomized, curves, randomization
from ..insight.subject import Subject
from ..views import saliency as views
from ..views import style
from ..views.confusion import class_name
from .picture import LookOptions, Picture

DEFAULT = ("gradcam", "layercam", "smoothgrad", "integrated-gradients")
COUNT = 5
LARGE = 64  # pixels a side: a test takes hundreds of passes for each map, above this size fewer images are put to it
CURVED, RANDOMIZED, DEPTHS = (12, 2), (3, 1), (10, 5)  # at most so many, up to that size and above it


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """The maps of the images, then the tests; `options={"sanity": False}` leaves the tests out."""
    methods = wish.methods or DEFAULT
    for method in methods:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    if wish.layers and not CAMS.keys() & set(methods):
        raise InputError(f"{', '.join(methods)} asks no layer: to look at {', '.join(wish.layers)} add {', '.join(CAMS)}")
    if wish.places and not 0 <= min(wish.places) <= max(wish.places) < len(subject):
        raise InputError(f"images have the places 0 to {len(subject) - 1}, got {', '.join(map(str, wish.places))}")
    target = None if wish.target is None else class_index(subject, wish.target)
    layers = wish.layers or ((cam_layer(subject.model, subject.size),) if CAMS.keys() & set(methods) else ())
    places = list(wish.places) or subject.evenly(wish.count or COUNT)
    x = subject.x(places)
    found = [
        saliency(subject.model, x, method, target=target, layer=layer, seed=wish.seed)
        for method in methods
        for layer in (layers if method in CAMS else (None,))
    ]
    yield sheet(subject, places, x, found, target)
    if wish.options.get("sanity", True):
        yield tested(subject, x, found, wish.seed)


def sheet(subject: Subject, places: Sequence[int], x: Tensor, found: Sequence[Saliency], target: int | None) -> Picture:
    """Images by methods."""
    columns = [views.Column(views.TITLES[maps.method], asked_of(maps), maps.maps) for maps in found]
    words = [said_of(subject, place, row, found[0], target) for row, place in enumerate(places)]
    what = "the predicted class" if target is None else f"the class {class_name(subject.classes, target)}"
    caption = (
        f"How much each place speaks for {what}; 1 is the {views.BRIGHTEST}th percentile of each map, evidence against the "
        f"class is left out. {explained(found)}"
    )
    return Picture("saliency", views.figure(seen(subject, x), columns, words), f"Saliency of {subject.title}", caption)


def explained(found: Sequence[Saliency]) -> str:
    """What was asked by each kind of method."""
    layers = list(dict.fromkeys(maps.layer for maps in found if maps.layer))
    cams = "Class activation maps look at " + " and ".join(layers) + ", enlarged to the image" if layers else ""
    rest = any(maps.layer is None for maps in found)
    return f"{cams}{'; the other methods look at the pixels' if cams and rest else ''}{'.' if cams else ''}".strip()


def asked_of(maps: Saliency) -> str:
    """What stands below a method's name: its layer and how large that one's map is."""
    return f"at {maps.layer}" if maps.layer else "of the pixels"


def said_of(subject: Subject, place: int, row: int, maps: Saliency, target: int | None) -> views.Words:
    """The answer for an image, right in green and wrong in red, and the class that was asked for where it is another one."""
    true, top = int(subject.labels[place]), int(maps.predicted[row])
    name = class_name(subject.classes, top)
    share = percent(float(maps.probabilities[row]))
    if target is not None and target != top:
        answer, also = name, f"explained: {class_name(subject.classes, target)} {share}"
    else:
        answer, also = f"{name} {share}", ""
    if true < 0:
        return views.Words(answer, style.INK, also)
    if true == top:
        return views.Words(f"✓ {answer}", style.RIGHT, also)
    return views.Words(f"✗ {answer}", style.WRONG, also or f"is {class_name(subject.classes, true)}")


def percent(share: float) -> str:
    """A probability as it is said: what is nearly sure is not called sure, nor what is unlikely impossible."""
    if 0 < share < 0.01:
        return "< 1 %"
    return f"{min(100 * share, 99.9):.1f} %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def seen(subject: Subject, x: Tensor) -> list[NDArray[np.uint8]]:
    """The images as the network sees them, resized and cropped, in colors again."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (subject.mean, subject.std))
    pixels = (255 * (x.cpu() * std + mean)).round().clamp(0, 255).to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).numpy())


def tested(subject: Subject, x: Tensor, found: Sequence[Saliency], seed: int) -> Picture:
    """Deletion, insertion and randomization, as means over the images."""
    large = subject.image_size > LARGE
    n, k = (min(most[large], len(x)) for most in (CURVED, RANDOMIZED))
    titles, targets = [titled(maps, found) for maps in found], found[0].targets[:n].tolist()
    noise = np.random.default_rng(seed).random((n, *x.shape[2:]), np.float32)
    drops = [curves(subject.model, x[:n], maps.maps[:n], targets) for maps in found]
    chance = curves(subject.model, x[:n], noise, targets)
    forgotten = [randomization(subject.model, x[:k], maps[:k], depths=DEPTHS[large], seed=seed) for maps in found]
    figure = views.sanity(panels(titles, drops, chance, forgotten))
    caption = (
        f"Left, mean of {counted(n)}: the explained class's probability while the pixels that a map ranks highest become the "
        f"mean color; if they matter it falls at once. Middle: while they come back into the blurred image; it rises at once. "
        f"Dashed: pixels in random order. Right, mean of {counted(k)}: Spearman's rank correlation of each map with the map "
        f"of the same network once the weights of a share of its layers are shuffled, from the head down; a method whose maps "
        f"stay alike does not show what was learnt."
    )
    return Picture("saliency-sanity", figure, f"Do the maps hold? {subject.title}", caption)


def counted(n: int) -> str:
    """How many images."""
    return f"{n} image{'s' if n > 1 else ''}"


def titled(maps: Saliency, found: Sequence[Saliency]) -> str:
    """A method's name, with its layer where several were asked."""
    several = sum(other.method == maps.method for other in found) > 1
    return f"{views.TITLES[maps.method]}, {maps.layer}" if several else views.TITLES[maps.method]


def signed(value: float) -> str:
    """Two places behind the point, and zero without a sign."""
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", "−") if rounded else "0.00"


def panels(
    titles: Sequence[str], drops: Sequence[Curves], chance: Curves, forgotten: Sequence[Randomized]
) -> list[views.Panel]:
    """The three tests, each as means over the images."""
    both = [*zip(titles, drops, [False] * len(drops), strict=True), ("random order", chance, True)]
    deletion = [
        views.Line(title, c.deletion.mean(0), f"{c.deletion_area.mean():.2f}", faint) for title, c, faint in both
    ]  # fmt: skip
    insertion = [
        views.Line(title, c.insertion.mean(0), f"{c.insertion_area.mean():.2f}", faint) for title, c, faint in both
    ]  # fmt: skip
    alike = [
        views.Line(title, u.correlation.mean(0), signed(float(u.correlation[:, -1].mean())))
        for title, u in zip(titles, forgotten, strict=True)
    ]
    return [
        views.Panel("Deletion: probability (area, lower is better)", "pixels taken away", chance.pixels, tuple(deletion)),
        views.Panel("Insertion: probability (area, higher is better)", "pixels given back", chance.pixels, tuple(insertion)),
        views.Panel(
            "Randomization: correlation (all layers)",
            "layers shuffled, head first",
            forgotten[0].depth,
            tuple(alike),
            dots=True,
        ),
    ]

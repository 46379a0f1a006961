"""`convatlas look`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from .flags import MANY, DataDir, Json, Theme, Weights, Words, words


def places(_: object, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Whole numbers with spaces or commas between them."""
    return tuple(int(word) for word in words(_, tokens))


def look(
    run: str,
    /,
    *,
    what: Annotated[Words, Parameter(help="Looks, with commas or spaces between; all of them if not given.")] = ("all",),
    data: Annotated[str | None, Parameter(help="Data set, folder or .npz file; the run's own if not given.")] = None,
    split: Annotated[str | None, Parameter(help="test, val or train; the test images if there are any.")] = None,
    image: Annotated[tuple[Path, ...], MANY, Parameter(help="Image files or folders to look at instead.")] = (),
    weights: Weights = None,
    data_dir: DataDir = None,
    out: Annotated[Path | None, Parameter(help="Folder for the pictures; looks/NETWORK if not given.")] = None,
    layer: Annotated[Words, Parameter(help="Layers, by the names that show --depth 9 lists.")] = (),
    method: Annotated[Words, Parameter(help="Of saliency: gradcam and others; of embedding: pca, tsne, umap.")] = (),
    at: Annotated[tuple[int, ...], MANY, Parameter(converter=places, help="Which images, by their place in the set.")] = (),
    count: Annotated[int | None, Parameter(help="How many images, points or channels.")] = None,
    only: Annotated[str | None, Parameter(help="Of predictions: wrong or right.")] = None,
    of_class: Annotated[str | None, Parameter(name="--class", help="Images of one class, by its name or number.")] = None,
    target: Annotated[str | None, Parameter(help="Class to explain, by its name or number; the predicted one.")] = None,
    against: Annotated[Words, Parameter(help="Of gradients: networks to train beside it.")] = (),
    steps: Annotated[int | None, Parameter(help="Of gradients: updates; of landscape: points a side.")] = None,
    perplexity: Annotated[float | None, Parameter(help="Of embedding by tsne: neighbors an image has.")] = None,
    kind: Annotated[str, Parameter(name="--format", help="png, svg or pdf.")] = "png",
    theme: Theme = "light",
    seed: Annotated[int, Parameter(help="For whatever is drawn at random.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw what a network has learned, as pictures.

    Example: convatlas look runs/mine --what predictions,saliency

    Looks: predictions, confusion, classes, calibration, errors, curves, filters, features, saliency, embedding, gradients,
    dead, landscape. Writes a picture a file, and index.html with all of them.

    Parameters
    ----------
    run
        A run folder, or the name of a network, with --weights or untrained.
    """
    from ..console.looks import told
    from ..console.terminal import command
    from ..engine.record import slug
    from ..looks import looks
    from ..looks.album import write_looks
    from ..looks.picture import LookOptions
    from ..runs.network import Asked
    from ..studies.subject import looked_at

    names = looks(what)
    subject = looked_at(Asked(run, weights, data, data_dir), split, image)
    options = {"against": against or None, "steps": steps, "perplexity": perplexity}
    wish = LookOptions(
        layer, at, count, only, of_class, target, method, seed, {k: v for k, v in options.items() if v is not None}
    )
    folder = out or Path("looks") / slug(Path(run).name)
    told(write_looks(subject, names, wish, folder, kind=kind, theme=theme, command=command()), subject.title, folder, as_json)

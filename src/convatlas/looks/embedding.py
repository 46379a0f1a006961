"""Where the network puts images: the plane of their features."""

from collections.abc import Iterator

import torch

from ..errors import InputError
from ..features.extract import PENULTIMATE
from ..insight.embedding import PERPLEXITY, Embedding, Seen, check, embed, neighbor_accuracy, see
from ..insight.subject import Subject
from ..views import embedding as view
from .picture import LookOptions, Picture

POINTS = 2000
TITLES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """One picture a layer and method, with a page that shows the image at each point; option `perplexity` is t-SNE's.

    Raises   InputError for images of one class only, for too few of them, for an unknown method or layer
    """
    places = list(wish.places) or subject.evenly(wish.count or POINTS)
    methods = wish.methods or ("tsne",)
    perplexity = asked(wish)
    for method in methods:
        check(method, len(places), perplexity=perplexity)
    if subject.labelled and len(torch.unique(subject.labels[places])) < 2:
        raise InputError("an embedding shows how classes lie apart, and all these images are of one: show images of others too")
    thumbnails = None
    for layer in wish.layers or (PENULTIMATE,):
        seen = see(subject, places, layer)
        classes = seen.labels if subject.labelled else seen.predicted
        for method in methods:
            found = embed(seen.vectors, method, classes, seed=wish.seed, perplexity=perplexity)
            thumbnails = thumbnails or [image.permute(1, 2, 0).numpy() for image in subject.pixels(places)]
            name = f"embedding-{method}" if layer == PENULTIMATE else f"embedding-{method}-{layer}"
            title = f"{TITLES[method]} of {subject.title}"
            caption = told(subject, seen, found, layer, wish.seed)
            facts = [
                ("Images", f"{len(places):,}"),
                ("Features", f"{seen.vectors.shape[1]:,}"),
                ("Trustworthiness", f"{found.trustworthiness:.3f}"),
            ]
            if found.accuracy is not None:
                facts.append(("Neighbors agree", f"{100 * found.accuracy:.1f} %"))
            yield Picture(
                name=name,
                figure=view.figure(found.points, classes, subject.classes),
                title=title,
                caption=caption,
                html=view.page(
                    found.points, classes, subject.classes, thumbnails, words=words(subject, seen),
                    told={"title": title, "caption": caption, "facts": facts},
                ),
            )  # fmt: skip


def asked(wish: LookOptions) -> float:
    """The perplexity."""
    value = wish.options.get("perplexity", PERPLEXITY)
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"perplexity needs a number, got {value!r}") from None


def told(subject: Subject, seen: Seen, found: Embedding, layer: str, seed: int) -> str:
    """What is seen, and how far it can be trusted."""
    where = "what the head reads" if layer == PENULTIMATE else layer
    sample = f" (on {found.judged:,} of them)" if found.judged < len(seen.places) else ""
    name, why = ("class", "") if subject.labelled else ("predicted class", ", since the true ones are not known")
    classes = seen.labels if subject.labelled else seen.predicted
    vote = "" if found.accuracy is None else (
        f"; the vote of {found.neighbors} nearest neighbors names the {name} of {100 * found.accuracy:.1f} % in the plane and "
        f"{100 * neighbor_accuracy(seen.vectors, classes):.1f} % among the features"
    )  # fmt: skip
    return (
        f"{len(seen.places):,} images by {where} ({seen.vectors.shape[1]:,} features), {found.setting}, seed {seed}; "
        f"colored by {name}{why}. Trustworthiness {found.trustworthiness:.3f}{sample}{vote}."
        f"{'' if found.method == 'pca' else ' Distances between clusters and their sizes mean little.'}"
    )


def words(subject: Subject, seen: Seen) -> list[str]:
    """What stands below each thumbnail."""

    def name(k: int) -> str:
        return subject.classes[k] if 0 <= k < len(subject.classes) else str(k)

    said = []
    for place, true, predicted in zip(seen.places, seen.labels.tolist(), seen.predicted.tolist(), strict=True):
        if true < 0:
            said.append(f"image {place}: taken for {name(predicted)}")
        else:
            said.append(f"image {place}: {name(true)}" + ("" if true == predicted else f", taken for {name(predicted)}"))
    return said

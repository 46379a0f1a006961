"""The features of images in the plane."""

from collections.abc import Iterator, Sequence

import torch

from ...errors import InputError, count_of
from ...features.extract import PENULTIMATE
from ...insight.embedding import Embedding, ImageFeatures, check, embed, fitting_perplexity, image_features, neighbor_accuracy
from ...insight.subject import Subject
from ...views import embedding as view
from ..picture import Picture

POINTS = 2000
TITLES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def pictures(
    subject: Subject, *, at: Sequence[int], layer: Sequence[str], count: int | None, methods: Sequence[str],
    perplexity: float | None, seed: int,
) -> Iterator[Picture]:  # fmt: skip
    """One picture per layer and method, with a page that shows the image at each point.

    Raises   InputError for images of one class only, for too few of them, for an unknown method or layer
    """
    subject.check_places(at)
    places = list(at) or subject.evenly(count or POINTS)
    perplexity = fitting_perplexity(len(places)) if perplexity is None else perplexity
    for method in methods:
        check(method, len(places), perplexity=perplexity)
    if subject.labeled and len(torch.unique(subject.labels[places])) < 2:
        raise InputError("an embedding needs images of two classes or more, and all these are of one: add images of others")
    thumbnails = None
    for name in layer or (PENULTIMATE,):
        features = image_features(subject, places, name)
        classes = features.labels if subject.labeled else features.predicted
        for method in methods:
            embedding = embed(features.vectors, method, classes, seed=seed, perplexity=perplexity)
            thumbnails = thumbnails or [image.permute(1, 2, 0).numpy() for image in subject.pixels(places)]
            title = f"{TITLES[method]} of {subject.title}"
            caption = describe(subject, features, embedding, name, seed)
            facts = [
                ("Images", f"{len(places):,}"),
                ("Features", f"{features.vectors.shape[1]:,}"),
                ("Trustworthiness", f"{embedding.trustworthiness:.3f}"),
            ]
            if embedding.accuracy is not None:
                facts.append(("Neighbors agree", f"{100 * embedding.accuracy:.1f} %"))
            yield Picture(
                name=f"embedding-{method}" if name == PENULTIMATE else f"embedding-{method}-{name}",
                figure=view.figure(embedding.points, classes, subject.classes),
                title=title,
                caption=caption,
                html=view.page(
                    embedding.points, classes, subject.classes, thumbnails, words=image_titles(subject, features),
                    head={"title": title, "caption": caption, "facts": facts},
                ),
            )  # fmt: skip


def describe(subject: Subject, features: ImageFeatures, embedding: Embedding, layer: str, seed: int) -> str:
    """The caption: what is embedded and how, and how far the picture can be trusted."""
    where = "the input of the head" if layer == PENULTIMATE else layer
    sample = f" (on {embedding.judged:,} of them)" if embedding.judged < len(features.places) else ""
    name, why = ("class", "") if subject.labeled else ("predicted class", ", since the true ones are not known")
    classes = features.labels if subject.labeled else features.predicted
    vote = "" if embedding.accuracy is None else (
        f"; the vote of {embedding.neighbors} nearest neighbors names the {name} of {100 * embedding.accuracy:.1f} % in the "
        f"plane and {100 * neighbor_accuracy(features.vectors, classes):.1f} % among the features"
    )  # fmt: skip
    images, width = count_of(len(features.places), "image"), count_of(features.vectors.shape[1], "feature")
    return (
        f"{images} by {where} ({width}), {embedding.setting}, seed "
        f"{seed}; colored by {name}{why}. Trustworthiness {embedding.trustworthiness:.3f}{sample}{vote}."
        f"{'' if embedding.method == 'pca' else ' Distances between clusters and their sizes mean little.'}"
    )


def image_titles(subject: Subject, features: ImageFeatures) -> list[str]:
    """The line below each thumbnail: place, true class and prediction."""

    def name(k: int) -> str:
        return subject.classes[k] if 0 <= k < len(subject.classes) else str(k)

    titles = []
    for place, true, predicted in zip(features.places, features.labels.tolist(), features.predicted.tolist(), strict=True):
        if true < 0:
            titles.append(f"image {place}: taken for {name(predicted)}")
        else:
            titles.append(f"image {place}: {name(true)}" + ("" if true == predicted else f", taken for {name(predicted)}"))
    return titles

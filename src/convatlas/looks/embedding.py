"""The features of images in the plane."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .look import AT, LAYER, SEED, Look, Option, count_option

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

METHODS = ("pca", "tsne", "umap")
OPTIONS = (
    AT,
    LAYER,
    count_option("how many images [2000]"),
    Option(
        name="method", keyword="methods", kind=str, many=True, default=("tsne",), choices=METHODS,
        help=f"{', '.join(METHODS)} [tsne]",
    ),
    Option(name="perplexity", kind=float, at_least=1, help="neighbors that t-SNE gives each image [30; less for few images]"),
    SEED,
)  # fmt: skip


def pictures(subject: "Subject", **options: Any) -> "Iterator[Picture]":
    """The pictures; heavy libraries are imported only here."""
    from .draw.embedding import pictures

    return pictures(subject, **options)


LOOK = Look(
    "embedding", "the features of images in the plane, by PCA, t-SNE or UMAP, with an interactive page", pictures, OPTIONS,
    tasks=("classify",),
)  # fmt: skip

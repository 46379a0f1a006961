"""Embeddings: the features of images in the plane, and how much of each image's neighborhood survives.

Source   t-SNE: van der Maaten and Hinton 2008, JMLR 9; Barnes-Hut: van der Maaten 2014, JMLR 15 · UMAP: McInnes et al. 2018,
         arXiv:1802.03426 · trustworthiness: Venna and Kaski 2001, ICANN
"""

import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Resident
from ..errors import InputError, count_of, unknown_name
from ..features.evaluate import neighbor_vote
from ..features.extract import PENULTIMATE, passes
from .subject import BATCH, Subject

METHODS = ("pca", "tsne", "umap")
NEIGHBORS = 15  # that are compared, and that vote on a class
PERPLEXITY = 30.0
FIRST = 50  # dimensions PCA leaves for t-SNE
JUDGED = 2000  # points trustworthiness is measured on at most: it compares all pairs

Points = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """The features of images and the predictions for them.

    Shapes   vectors (n, d); labels (n,), −1 where the class is not known; predicted (n,)
    """

    places: tuple[int, ...]
    vectors: Points
    labels: Labels
    predicted: Labels


@dataclass(frozen=True, eq=False)
class Embedding:
    """Points in the plane, and how well they preserve neighborhoods.

    Shapes   points (n, 2)
    Units    trustworthiness and accuracies in [0, 1]
    """

    method: str
    points: Points
    setting: str  # of the method, for captions
    trustworthiness: float  # 1 if all near neighbors in the plane are neighbors in the features too
    judged: int  # points it was measured on
    neighbors: int
    accuracy: float | None = None  # of the nearest neighbors' vote in the plane; None without classes, or with few of each


def check(method: str, count: int, *, perplexity: float = PERPLEXITY) -> None:
    """Checks that so many points can be embedded.

    Raises   InputError for an unknown method or one that is not installed, and for too few points
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if method == "umap":
        umap()
    if count < 4:
        raise InputError(f"an embedding needs 4 images or more, got {count}")
    if method == "tsne" and not 1 <= perplexity < count:
        raise InputError(
            f"t-SNE needs a --perplexity of 1 or more and below the number of images, got {perplexity:g} and "
            f"{count_of(count, 'image')}: --perplexity {fitting_perplexity(count):g} does, or more images"
        )


def fitting_perplexity(count: int) -> float:
    """The usual perplexity, or a third of the neighbors that each of few points has."""
    return min(PERPLEXITY, max(1.0, (count - 1) // 3))


def image_features(subject: Subject, places: Sequence[int], at: str = PENULTIMATE) -> ImageFeatures:
    """The features of images and the predictions for them, in one pass.

    Shapes   places (n,)
    Raises   InputError for an unknown layer
    """
    labels = subject.labels[torch.as_tensor(places, dtype=torch.int64)]
    vectors: list[Points] = []
    predicted: list[Labels] = []
    chunks = (places[i : i + BATCH] for i in range(0, len(places), BATCH))
    batches = (
        batch
        for chunk in chunks
        for batch in subject.batches(images=Resident(subject.pixels(chunk), torch.zeros(len(chunk), dtype=torch.int64)))
    )
    with closing(passes(subject.model, batches, (at,))) as steps:
        for step in steps:
            vectors.append(step.features[at].numpy())
            predicted.append(step.output.argmax(1).cpu().numpy())
    return ImageFeatures(tuple(places), np.concatenate(vectors), labels.numpy(), np.concatenate(predicted))


def embed(
    vectors: Points, method: str, labels: Labels | None = None, *, seed: int = 0, perplexity: float = PERPLEXITY
) -> Embedding:
    """Puts vectors into the plane; the same seed gives the same points.

    Shapes   vectors (n, d); labels (n,), if the classes are known
    Raises   InputError as `check` does, and where features are not finite
    """
    check(method, len(vectors), perplexity=perplexity)
    if not np.isfinite(vectors).all():
        raise InputError("some features are not finite numbers: the network's weights may have diverged")
    if method == "pca":
        points, setting = pca_points(vectors, seed)
    elif method == "tsne":
        points, setting = tsne_points(vectors, seed, perplexity)
    else:
        points, setting = umap_points(vectors, seed)
    trust, judged = measure_trust(vectors, points, seed)
    k = neighbor_count(len(vectors))
    accuracy = None if labels is None or not can_vote(labels) else neighbor_accuracy(points, labels)
    return Embedding(method, points, setting, trust, judged, k, accuracy)


def pca_points(vectors: Points, seed: int) -> tuple[Points, str]:
    """The two directions in which the features vary most."""
    points, share = principal_components(vectors, 2, seed)
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 1)))
    return points, f"the two directions with {100 * share:.0f} % of the variance"


def principal_components(vectors: Points, count: int, seed: int) -> tuple[Points, float]:
    """The first principal components, and the share of the variance they hold.

    Shapes   vectors (n, d) → (n, count)
    Raises   InputError if all vectors are equal
    """
    from sklearn.decomposition import PCA

    if not np.ptp(vectors, axis=0).any():
        raise InputError("all images have the same features here, so there is nothing to draw: take another layer")
    pca = PCA(min(count, *vectors.shape), random_state=seed)
    points = pca.fit_transform(vectors)
    return points.astype(np.float32), float(pca.explained_variance_ratio_.sum())


def tsne_points(vectors: Points, seed: int, perplexity: float) -> tuple[Points, str]:
    """Neighbors stay neighbors; distances between clusters and their sizes mean little."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_info, threadpool_limits

    reduced, _ = principal_components(vectors, FIRST, seed)
    init: Any = "pca" if reduced.shape[1] > 1 else "random"
    threads = min([2, *(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")])
    tsne = TSNE(2, perplexity=perplexity, init=init, learning_rate="auto", random_state=seed, n_jobs=threads)
    with threadpool_limits(threads, user_api="openmp"):  # the sum of three threads' parts depends on who comes first
        points = tsne.fit_transform(reduced)
    return points.astype(np.float32), f"perplexity {perplexity:g}"


def umap_points(vectors: Points, seed: int) -> tuple[Points, str]:
    """Neighbors stay neighbors, and more of the order between clusters is kept."""
    neighbors = min(NEIGHBORS, len(vectors) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own libraries
        maker = umap().UMAP(n_neighbors=neighbors, min_dist=0.1, init="pca", random_state=seed, n_jobs=1)
        points = maker.fit_transform(vectors)
    return np.asarray(points, np.float32), f"{neighbors} neighbors, minimum distance 0.1"


def umap() -> Any:
    """The library.

    Raises   InputError if it is not installed
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import umap as library
    except ImportError:
        raise InputError("UMAP needs a library that is not installed: pip install 'convatlas[umap]'") from None
    return library


def neighbor_count(count: int) -> int:
    """How many neighbors are compared: fewer than half of the points."""
    return max(1, min(NEIGHBORS, (count - 1) // 2))


def measure_trust(vectors: Points, points: Points, seed: int) -> tuple[float, int]:
    """Trustworthiness, and on how many points it was measured: a sample, where there are many."""
    from sklearn.manifold import trustworthiness

    chosen = np.arange(len(points))
    if len(points) > JUDGED:
        chosen = np.sort(np.random.default_rng(seed).choice(len(points), JUDGED, replace=False))
    value = trustworthiness(vectors[chosen], points[chosen], n_neighbors=neighbor_count(len(chosen)))
    return float(value), len(chosen)


def can_vote(labels: Labels) -> bool:
    """Whether neighbors can vote: on average a class has more images than half of the neighbors.

    Shapes   labels (n,)
    """
    return len(labels) / len(np.unique(labels)) > neighbor_count(len(labels)) / 2


def neighbor_accuracy(points: Points, labels: Labels) -> float:
    """How often the vote of a point's nearest neighbors, itself left out, names its class; the nearest one breaks a tie.

    Shapes   points (n, d); labels (n,)
    """
    from sklearn.neighbors import NearestNeighbors

    k = neighbor_count(len(points))
    search = NearestNeighbors(n_neighbors=k, algorithm="auto" if points.shape[1] < 16 else "brute").fit(points)
    voters = labels[search.kneighbors(return_distance=False)]
    return float((neighbor_vote(voters) == labels).mean())

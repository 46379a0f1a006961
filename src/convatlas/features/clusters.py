"""Clusters of images whose features are alike, and how far they agree with the classes.

Source   silhouette: Rousseeuw 1987 · adjusted Rand index: Hubert and Arabie 1985 · HDBSCAN: Campello et al. 2013
"""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError, count_of, unknown_name
from .index import Index, Ints, Vectors, check_finite
from .nearest import unit_length

METHODS = ("kmeans", "hdbscan")
WIDTH = 50  # dimensions that PCA leaves
MOST = 12  # clusters that are tried where no number is given
JUDGED = 5000  # images that the silhouette is measured on
LONE = -1  # for an image in no cluster


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which cluster each image is in, −1 for none, and how far from its center.

    Shapes   clusters (n,), distances (n,): between vectors of length 1, 0 to 2
    Units    silhouette −1 to 1; None if there is but one cluster
    """

    clusters: Ints
    distances: Vectors
    count: int
    words: str  # the method, for captions
    silhouette: float | None
    rand: float | None = None  # adjusted Rand index; None where classes are not known
    purity: float | None = None  # share of the images that are of their cluster's commonest class

    def members(self, cluster: int) -> Ints:
        """Its images, the most central first."""
        places = np.flatnonzero(self.clusters == cluster)
        return places[np.argsort(self.distances[places], kind="stable")]


def find_clusters(index: Index, method: str = "kmeans", k: int | None = None, seed: int = 0) -> Clusters:
    """Clusters of an index; for k-means as many as there are classes, or as many as have the largest silhouette.

    Raises   InputError for an unknown method, too few images, or a number of clusters they cannot have
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    n = len(index)
    if n < 4:
        raise InputError(f"clusters need 4 images or more, and the index has {n}")
    if k is not None and (method == "hdbscan" or not 2 <= k < n):
        raise InputError(
            "hdbscan finds the number of clusters by itself: leave --k out" if method == "hdbscan"
            else f"--k needs to be 2 or more and below the {count_of(n, 'image')}, got {k}"
        )  # fmt: skip
    check_finite(index.vectors)
    points = unit_length(np.asarray(index.vectors))
    small, reduction = reduce_width(points, seed)
    clusters, words = assign_clusters(
        small, method, k or (len(index.classes) if index.is_labeled and 2 <= len(index.classes) < n else None), seed
    )
    count = int(clusters.max()) + 1
    clusters = number_by_size(clusters, count)
    distances = distances_to_centers(points, clusters, count)
    score = silhouette(small, clusters, seed)
    rand, purity = None, None
    if index.is_labeled and len(index.classes) > 1:
        from sklearn.metrics import adjusted_rand_score

        rand = float(adjusted_rand_score(index.labels, clusters))
        commonest = [np.bincount(index.labels[clusters == c]).max() for c in range(count)]
        purity = float(sum(commonest) / max((clusters >= 0).sum(), 1))
    return Clusters(clusters, distances, count, f"{words}{reduction}", score, rand, purity)


def reduce_width(points: Vectors, seed: int) -> tuple[Vectors, str]:
    """The points in at most 50 dimensions, and words for the reduction.

    Shapes   points (n, d) → (n, at most 50)
    """
    width = min(WIDTH, len(points) - 1)
    if points.shape[1] <= WIDTH:
        return points, ""
    from sklearn.decomposition import PCA

    pca = PCA(width, random_state=seed, svd_solver="randomized")
    small = pca.fit_transform(points).astype(np.float32)
    share = 100 * float(pca.explained_variance_ratio_.sum())
    return small, f" on {width} principal components of {points.shape[1]}, which hold {share:.0f} % of the variance"


def assign_clusters(points: Vectors, method: str, k: int | None, seed: int) -> tuple[Ints, str]:
    """A cluster for each point, and words for the method.

    Shapes   points (n, d) → (n,)
    """
    from sklearn.cluster import HDBSCAN, KMeans

    if method == "hdbscan":
        least = max(5, round(len(points) / 100))
        clusters = HDBSCAN(min_cluster_size=min(least, len(points)), copy=True).fit_predict(points).astype(np.int64)
        return clusters, f"HDBSCAN, clusters of {count_of(least, 'image')} or more"

    def run_kmeans(k: int) -> Ints:
        labels: Ints = KMeans(k, n_init=10, random_state=seed).fit_predict(points).astype(np.int64)
        return labels

    if k is not None:
        return run_kmeans(k), f"k-means, {k} clusters"
    trials = {k: run_kmeans(k) for k in range(2, min(MOST, len(points) - 1) + 1)}
    scores = {k: silhouette(points, labels, seed) or -1.0 for k, labels in trials.items()}
    best = max(scores, key=lambda k: (scores[k], -k))
    return trials[best], f"k-means, {best} clusters: of 2 to {max(trials)} these have the largest silhouette"


def number_by_size(clusters: Ints, count: int) -> Ints:
    """The same clusters, numbered from the largest.

    Shapes   clusters (n,) → (n,)
    """
    sizes = np.bincount(clusters[clusters >= 0], minlength=count)
    rank = np.empty(count + 1, np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    rank[-1] = LONE
    return rank[clusters]


def distances_to_centers(points: Vectors, clusters: Ints, count: int) -> Vectors:
    """How far each point lies from the mean of its cluster; one in no cluster, from the nearest mean.

    Shapes   points (n, d), clusters (n,) → (n,)
    """
    if not count:
        return np.zeros(len(points), np.float32)
    centers = np.stack([points[clusters == c].mean(0) for c in range(count)])
    squares = (points**2).sum(1)[:, None] + (centers**2).sum(1) - 2 * points @ centers.T
    distances = np.sqrt(np.maximum(squares, 0))
    own = np.where(clusters >= 0, clusters, distances.argmin(1))
    return distances[np.arange(len(points)), own].astype(np.float32)


def silhouette(points: Vectors, clusters: Ints, seed: int) -> float | None:
    """How much nearer points are to their own cluster than to the next, on at most 5,000 of them; None for one cluster.

    Shapes   points (n, d), clusters (n,)
    """
    from sklearn.metrics import silhouette_score

    inside = np.flatnonzero(clusters >= 0)
    if len(inside) > JUDGED:
        inside = np.sort(np.random.default_rng(seed).choice(inside, JUDGED, replace=False))
    if not 2 <= len(np.unique(clusters[inside])) < len(inside):
        return None
    return float(silhouette_score(points[inside], clusters[inside]))

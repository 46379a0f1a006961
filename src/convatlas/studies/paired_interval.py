"""The interval of a difference between networks that share their seeds and their test images."""

import numpy as np
from numpy.typing import NDArray

SIDE = 0.975  # a 95 % interval leaves 2.5 % on each side
Floats = NDArray[np.float64]


def half_width(per_seed: Floats, per_image: Floats | None) -> float | None:
    """Half of the 95 % interval of a mean difference over seeds and images; None where neither tells its spread.

    With d_s the difference for seed s, D_si that for seed s and image i, S seeds and n images:

        h² = t²(S−1) · V_seeds + t²(n−1) · max(0, V_images − V_both)
        V_seeds = var_s(d_s)/S    V_images = var_i(mean_s D_si)/n    V_both = Σ r_si² / ((S−1)(n−1)) / (S·n)

    where r_si is what row and column means of D leave. What changes with seed and image at once lies in V_seeds and in
    V_images, so it is taken off once. Each part keeps its own degrees of freedom (Howe's sum of squared half widths); one t
    for the sum by Satterthwaite's degrees of freedom covers the truth too seldom with two or three seeds. With one seed
    h² = t²(n−1) · V_images; without scores of images h² = t²(S−1) · V_seeds.

    Shapes   per_seed (seeds,), per_image (seeds, images)
    Source   Howe 1974, JASA 69, 789–794; Cornfield and Tukey 1956, Ann. Math. Stat. 27, 907–949 (the expected mean squares)
    """
    from scipy.special import stdtrit

    seeds, images = len(per_seed), 0 if per_image is None else per_image.shape[1]
    if seeds < 2 and images < 2:
        return None
    squared = stdtrit(seeds - 1, SIDE) ** 2 * per_seed.var(ddof=1) / seeds if seeds > 1 else 0.0
    if per_image is not None and images > 1:
        over_seeds = per_image.mean(0)
        variance = over_seeds.var(ddof=1) / images
        if seeds > 1:
            rest = per_image - over_seeds - per_image.mean(1, keepdims=True) + over_seeds.mean()
            variance -= (rest**2).sum() / ((seeds - 1) * (images - 1)) / (seeds * images)
        squared += stdtrit(images - 1, SIDE) ** 2 * max(0.0, variance)
    return float(np.sqrt(squared))

"""A network of the catalog as a step of a scikit-learn pipeline: images in, a table of features out."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..engine.hardware import choose_device
from ..errors import InputError
from ..runs.network import NetworkRequest, OpenNetwork, open_network
from .extract import PENULTIMATE, features
from .inputs import Images, array_of, batches, paths_of, rows_to_images, white_level

SEEDS = 2**31


class FeatureExtractor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """The features of images at a layer of a network, as a scikit-learn transformer.

    `network` is one of the catalog, or a run folder. `weights` is a published tag, a file or a run folder; without them
    its weights are drawn from `random_state`. `layer` and `pool` are those of `features`. Pictures in files are prepared as the
    weights want them; arrays are taken as already cut, so their square middle is made `image_size` pixels a side. Rows of a
    table are flattened square images: bytes up to 255, numbers in [0, 1], or else divided by the largest magnitude that
    `fit` saw, `scale_`. Gray images are repeated for networks that see colors. `mean` and `std`, one number per channel for
    pixels in [0, 1], are for weights of which nothing is known.

    Fitting opens the network and learns nothing. The network is no part of the pickled transformer: it is opened again.

    Shapes   paths (n,); images (n, h, w), (n, h, w, 3) or (n, 3, h, w), uint8 or float in [0, 1]; rows (n, h · h) → (n, d)
    Raises   InputError if the network, its weights or its layer don't exist or don't fit, or X holds no images
    """

    scale_: float
    seed_: int

    def __init__(  # noqa: PLR0913 (scikit-learn wants its parameters here)
        self,
        network: str = "mobilenet_v2",
        *,
        weights: str | Path | None = None,
        layer: str = PENULTIMATE,
        pool: bool = True,
        image_size: int | None = None,
        in_channels: int | None = None,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        batch_size: int = 64,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:  # fmt: skip
        self.network = network
        self.weights = weights
        self.layer = layer
        self.pool = pool
        self.image_size = image_size
        self.in_channels = in_channels
        self.mean = mean
        self.std = std
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Opens the network and finds out how many features it gives, from the first image."""
        images = self._images(X, begin=True)
        self.seed_ = int(check_random_state(self.random_state).randint(SEEDS))
        self._open()
        self._n_features_out = self._features(images[:1]).shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """The features of each image, float32."""
        check_is_fitted(self)
        return self._features(self._images(X, begin=False))

    def _images(self, X: Any, *, begin: bool) -> Images:  # noqa: N803
        images: Images | None = paths_of(X)
        images = array_of(X) if images is None else images
        if images is None:
            table = validate_data(self, X, reset=begin)
            self.scale_ = white_level(table) if begin else self.scale_
            return rows_to_images(table, self.scale_)
        if begin:
            self.scale_ = 1.0
            for name in {"n_features_in_", "feature_names_in_"} & vars(self).keys():
                delattr(self, name)
        return images

    def _features(self, images: Images) -> NDArray[np.float32]:
        network = self._network if "_network" in vars(self) else self._open()
        return features(
            network.model, batches(images, network.preparation, self.batch_size), self.layer, pool=self.pool
        )  # fmt: skip

    def _open(self) -> OpenNetwork:
        if self.batch_size < 1:
            raise InputError(f"batch_size needs to be 1 or more, got {self.batch_size}")
        choose_device(self.device)  # one that is not there is an error before any weights are fetched
        request = NetworkRequest(
            self.network, self.weights, mean=self.mean, std=self.std, image_size=self.image_size,
            in_channels=self.in_channels, seed=self.seed_,
        )  # fmt: skip
        self._network = open_network(request).on(self.device)
        return self._network

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_network"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

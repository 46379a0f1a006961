"""A network in a scikit-learn pipeline: scikit-learn's own checks, every way of giving images, and real photographs."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import InputError
from convatlas.features import FeatureExtractor, features
from convatlas.models import create_model
from convatlas.weights import transforms


def tiny(**options):
    return FeatureExtractor("tinyvgg", **{"in_channels": 1, "image_size": 16, "random_state": 0} | options)


@pytest.mark.filterwarnings("ignore:rows of .* are no square images")  # scikit-learn's tables have any number of columns
@parametrize_with_checks([tiny()])
def test_it_is_an_estimator(estimator, check):
    check(estimator)


def test_digits_in_a_grid_search_over_the_layer():
    x, y = load_digits(return_X_y=True)
    model = make_pipeline(tiny(pool=False), LogisticRegression(max_iter=300))
    search = GridSearchCV(model, {"featureextractor__layer": ["conv_block_1", "conv_block_2.0"]}, cv=2).fit(x[:300], y[:300])
    assert search.score(x[300:600], y[300:600]) > 0.8
    with pytest.raises(InputError, match="conv_block_2"):
        tiny(layer="conv_blck_2").fit(x[:2])


def test_every_way_of_giving_the_same_images(tmp_path):
    bytes_ = np.random.default_rng(0).integers(0, 256, (5, 16, 16), np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path, image in zip(paths, bytes_, strict=True):
        Image.fromarray(image).save(path)
    net = tiny(pool=False, batch_size=2).fit(paths)
    seen = net.transform(paths)
    assert seen.shape == (5, len(net.get_feature_names_out())) == (5, 10)
    floats, color = bytes_ / 255, np.repeat(bytes_[..., None], 3, 3)
    column = np.array([[str(path)] for path in paths], dtype=object)
    ways = [
        bytes_,
        floats,
        floats.astype(np.float32),
        list(bytes_),
        color,
        color.transpose(0, 3, 1, 2),
        column,
        np.array(paths),
    ]
    for given in ways:
        np.testing.assert_allclose(net.transform(given), seen, atol=1e-5)
    np.testing.assert_allclose(tiny(pool=False).fit_transform(bytes_.reshape(5, -1)), seen, atol=1e-5)
    np.testing.assert_allclose(tiny(pool=False).fit_transform(bytes_.reshape(5, -1) / 255), seen, atol=1e-5)
    sixteenths = np.linspace(0, 16, 256).reshape(1, -1).repeat(2, 0)
    np.testing.assert_allclose(
        tiny(pool=False).fit_transform(sixteenths), tiny(pool=False).fit_transform(sixteenths / 16), atol=1e-5
    )
    wide = np.pad(bytes_, ((0, 0), (0, 0), (4, 4)))
    np.testing.assert_allclose(net.transform(wide), seen, atol=1e-5)  # the square middle
    assert list(net.set_output(transform="default").get_feature_names_out()[:2]) == ["featureextractor0", "featureextractor1"]


def test_it_sees_what_the_published_weights_saw(tmp_path):
    torch.manual_seed(3)
    file = tmp_path / "squeezenet1_1-b8a52dc0.pth"  # the name of the published file
    model = create_model("squeezenet1_1").eval()
    torch.save(model.state_dict(), file)
    noise = np.random.default_rng(1).integers(0, 256, (8, 10, 3), np.uint8)
    Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC).save(tmp_path / "photo.png")
    x = transforms("squeezenet1_1")(Image.open(tmp_path / "photo.png"))[None]
    net = FeatureExtractor("squeezenet1_1", weights=file, device="cpu").fit([tmp_path / "photo.png"])
    np.testing.assert_allclose(net.transform([tmp_path / "photo.png"]), features(model, x), atol=1e-5)


def test_a_pickle_holds_no_network(tmp_path):
    x = load_digits().data[:20]
    net = tiny().fit(x)
    file = tmp_path / "net.joblib"
    joblib.dump(net, file)
    assert file.stat().st_size < 2000
    np.testing.assert_array_equal(joblib.load(file).transform(x), net.transform(x))
    np.testing.assert_array_equal(clone(net).fit_transform(x), net.transform(x))
    assert not np.array_equal(tiny(random_state=1).fit_transform(x), net.transform(x))


def test_chance_stays_where_it_was():
    x = load_digits().data[:2]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    tiny().fit(x)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("photo.jpg", "list of images"),
        (["nowhere.jpg"], "nowhere.jpg cannot be read"),
        (["a.jpg", 3], "a int"),
        (np.zeros((2, 5, 5, 4)), "shape"),
        (np.full((2, 5, 5), 300), "from 0 to 255"),
        (np.full((2, 5, 5), np.nan), "from 0 to 255"),
        (np.full((2, 5, 5), -0.1), "from 0 to 255"),
        ([np.zeros((5, 5)), np.zeros((6, 5))], "one size"),
        ([], "there were none"),
        (np.zeros((0, 4)), "0 sample"),
    ],
)
def test_what_is_no_image_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        tiny().fit(given)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "mobilenet_v9"}, "did you mean"),
        ({"weights": "imagenet1k_v1"}, "no published weights"),
        ({"weights": "mine.pth", "mean": (0.5,), "std": (0.2,)}, "mine.pth"),
        ({"batch_size": 0}, "batch_size"),
        ({"device": "tpu"}, "device"),
        ({"mean": (0.1, 0.2)}, "mean needs"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        tiny().set_params(**options).fit(np.zeros((2, 8, 8)))


def test_weights_of_which_nothing_is_known_need_mean_and_std(tmp_path):
    torch.save(create_model("tinyvgg", num_classes=3, in_channels=1, image_size=16).state_dict(), tmp_path / "mine.pth")
    with pytest.raises(InputError, match="give mean and std"):
        tiny(weights=tmp_path / "mine.pth").fit(np.zeros((2, 8, 8)))
    known = tiny(weights=tmp_path / "mine.pth", mean=(0.5,), std=(0.2,)).fit(np.zeros((2, 8, 8)))
    assert known.transform(np.zeros((2, 8, 8))).shape == (2, 10)


@pytest.mark.slow
def test_scikit_learn_is_fetched_only_for_the_extractor():
    script = "import sys, convatlas.features as f; f.features, f.create_encoder; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="session")
def insects(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    root = tmp_path_factory.mktemp("insects")
    with zipfile.ZipFile(shared / "hymenoptera.zip") as archive:
        archive.extractall(root)
    return {split: sorted((root / "hymenoptera" / split).rglob("*.jpg")) for split in ("train", "val")}


@pytest.mark.thorough
def test_ants_and_bees(insects, shared):
    names = {split: [path.parent.name for path in paths] for split, paths in insects.items()}
    net = FeatureExtractor("mobilenet_v2", weights=shared / "weights" / "mobilenet_v2_imagenet.pth")
    model = make_pipeline(net, LogisticRegression(max_iter=1000)).fit(insects["train"], names["train"])
    assert model.score(insects["val"], names["val"]) >= 0.93
    file = io.BytesIO()
    joblib.dump(model, file)
    assert file.tell() < 20_000
    few = slice(None, None, 3)
    cut = np.stack([square(path) for path in insects["val"][few]])
    assert model.score(cut, names["val"][few]) >= 0.9
    assert model.score(cut.transpose(0, 3, 1, 2) / 255, names["val"][few]) >= 0.9


def square(path: Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)).resize((224, 224)))


def test_a_damaged_run_is_said_to_be_damaged(tmp_path):
    Run.create(tmp_path / "run", Recipe(model="lenet5"))
    (tmp_path / "run" / "env.json").write_text('{"image_size": 32, "data": {"size": [8, 8], "channels": 1}}')
    (tmp_path / "run" / "metrics.json").write_text('{"val": null, "test": null, "seconds": 1}')
    with pytest.raises(InputError, match=r"env\.json lacks 'classes'"):
        FeatureExtractor("lenet5", weights=tmp_path / "run").fit(np.zeros((1, 8, 8), np.uint8))

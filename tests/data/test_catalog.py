"""The catalog: where sets are found, what is said when they are not, and the sets themselves."""

import gzip
import hashlib
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from torchvision.datasets import utils

from convatlas.data import CATALOG, data_folder, idx, load, on_disk
from convatlas.errors import InputError


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, packed: bool = True, train: int = 40, test: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = [part for n in (train, test) for part in (np.arange(n * 49).reshape(n, 7, 7), np.arange(n) % 10)]
    for stem, array in zip(idx.STEMS, arrays, strict=True):
        content = idx_bytes(array)
        (folder / (f"{stem}.gz" if packed else stem)).write_bytes(gzip.compress(content) if packed else content)
    return folder


def test_listing_needs_no_torch() -> None:
    code = "import convatlas.data as d, sys; [d.on_disk(s) for s in d.CATALOG.values()]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rows_are_complete() -> None:
    assert list(CATALOG) == ["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "stl10"]
    for name, source in CATALOG.items():
        assert source.name == name
        assert source.title
        assert source.license
        assert len(set(source.classes)) == len(source.classes) in {10, 100}
        assert not (source.augment.flip and name in {"digits", "mnist"})


def test_the_data_folder_is_the_one_given_or_of_the_environment_or_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVATLAS_DATA", "/from/environment")
    assert data_folder(Path("/given")) == Path("/given")
    assert data_folder() == Path("/from/environment")
    monkeypatch.delenv("CONVATLAS_DATA")
    assert data_folder() == Path.home() / ".cache/convatlas/data"


def test_digits_have_a_test_part_that_no_seed_moves() -> None:
    first, second = load("digits"), load("digits", split_seed=5)
    assert (len(first.train), len(first.val or ()), len(first.test or ())) == (1293, 145, 359)
    assert (first.channels, first.size) == (1, (8, 8))
    assert first.test is not None
    assert second.test is not None
    assert first.test.labels.equal(second.test.labels)
    assert not first.train.labels.equal(second.train.labels)
    assert first.train.pixels(first.train.labels).max() == 255
    assert on_disk(CATALOG["digits"]) is not None


def test_limit_and_val_share() -> None:
    data = load("digits", limit=100, val_share=0.2)
    assert (len(data.train), len(data.val or ()), len(data.test or ())) == (80, 20, 100)
    assert data.train.labels.bincount().min() >= 7
    assert load("digits", val_share=0).val is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"limit": 9}, "limit needs at least one image for each of the 10 classes, got 9"),
        ({"limit": 0}, "limit needs to be at least 1, got 0"),
        ({"val_share": 1.0}, "val share needs to be at least 0 and below 1, got 1.0"),
        ({"val_share": -0.1}, "val share"),
        ({"image_size": 0}, "image size"),
    ],
)
def test_impossible_wishes(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load("digits", **arguments)


def test_unknown_names_and_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean fashion_mnist.*folder of images"):
        load("fashion_mnst")
    with pytest.raises(InputError, match=r"no folder, table or \.npz file \./nowhere"):
        load("./nowhere")
    with pytest.raises(InputError, match="unknown data set ''"):
        load("")
    write_mnist(tmp_path / "MNIST")
    with pytest.raises(InputError, match=r"but MNIST: ask for mnist with --data-dir .*MNIST"):
        load(str(tmp_path / "MNIST"))
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="unpack it first"):
        load(str(tmp_path / "set.zip"))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["MNIST", "MNIST/raw", "."])
def test_idx_files_are_used_where_they_lie(tmp_path: Path, place: str, packed: bool) -> None:
    folder = write_mnist(tmp_path / place, packed)
    before = sorted(tmp_path.rglob("*"))
    folder.chmod(0o555)
    data = load("mnist", data_dir=tmp_path, val_share=0)
    folder.chmod(0o755)
    assert (len(data.train), len(data.test or ()), data.size) == (40, 20, (7, 7))
    assert data.train.labels.tolist() == [i % 10 for i in range(40)]
    assert data.train.pixels(data.train.labels[:1]).flatten().tolist() == list(range(49))
    assert sorted(tmp_path.rglob("*")) == before
    assert on_disk(CATALOG["mnist"], tmp_path) == folder


def test_the_folder_of_another_set_with_the_same_file_names_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path)
    digest = hashlib.md5(idx_bytes(np.arange(20) % 10), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(idx.TEST_LABELS, "FashionMNIST", digest)
    assert on_disk(CATALOG["mnist"], tmp_path) is None
    assert on_disk(CATALOG["fashion_mnist"], tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("stem", "damage", "words"),
    [
        (0, lambda whole: gzip.compress(whole)[:-20], "bytes.* is not a whole gzip file.*delete it and run again"),
        (0, lambda whole: gzip.compress(whole[:-5]), "needs 1,976 bytes by its header, unpacked, but has 1,971"),
        (0, bytes, "not a whole gzip file"),
        (1, lambda whole: gzip.compress(b"\0\0\x0d\x01" + whole[4:]), "no idx file of bytes: its header is 00000d01"),
        (1, lambda _: gzip.compress(b""), "no idx file"),
        (1, lambda _: gzip.compress(idx_bytes(np.zeros(39))), r"as many labels \(n,\), got \(40, 7, 7\) and \(39,\)"),
        (3, lambda _: gzip.compress(idx_bytes(np.full(20, 10))), "labels from 0 to 9, got 10"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, stem: int, damage: object, words: str) -> None:
    assert callable(damage)
    path = write_mnist(tmp_path / "MNIST") / f"{idx.STEMS[stem]}.gz"
    path.write_bytes(damage(gzip.decompress(path.read_bytes())))
    with pytest.raises(InputError, match=words) as caught:
        load("mnist", data_dir=tmp_path)
    assert str(tmp_path / "MNIST") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "t10k-labels-idx1-ubyte.gz"), ("cifar100", "cifar-100-python.tar.gz"), ("stl10", "train_X.bin")],
)
def test_without_a_network_the_files_to_fetch_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar, torchvision.datasets.stl10):
        monkeypatch.setattr(module, "download_and_extract_archive", refuse)
    monkeypatch.setattr(utils, "_urlretrieve", refuse)
    with pytest.raises(InputError, match=f"could not be downloaded .*put .*{file}.* into {tmp_path}"):
        load(name, data_dir=tmp_path)
    assert not [*tmp_path.glob("*")]  # no empty folder is left


@pytest.mark.parametrize("rename", ["{0}", "{0}/{0}"], ids=["F70", "F70 in folders of their names"])
def test_names_with_a_dot_before_the_kind_are_found(tmp_path: Path, rename: str) -> None:
    for path in [*write_mnist(tmp_path, packed=False).iterdir()]:
        place = tmp_path / rename.format(path.name.replace("-idx", ".idx"))
        place.parent.mkdir(exist_ok=True)
        path.rename(place)
    assert len(load("mnist", data_dir=tmp_path, val_share=0).train) == 40


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layout of CIFAR-10 with four images a file, and torchvision told the md5 of these."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch", "batches.meta"]:
        entry = {"data": rng.integers(0, 256, (10, 3072), dtype=np.uint8), "labels": list(range(10))}
        content = pickle.dumps({"label_names": list("abcdefghij")} if "meta" in name else entry)
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    kind = torchvision.datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [[f"data_batch_{k}", sums[f"data_batch_{k}"]] for k in range(1, 6)])
    monkeypatch.setattr(kind, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": sums["batches.meta"]})
    return folder


def test_cifar_in_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_cifar(tmp_path, monkeypatch)
    for place in (tmp_path, folder):
        data = load("cifar10", data_dir=place, val_share=0)
        assert (len(data.train), len(data.test or ()), data.size, data.classes[0]) == (50, 10, (32, 32), "airplane")
    raw = pickle.loads((folder / "data_batch_1").read_bytes())["data"]  # noqa: S301 - written above
    assert np.array_equal(data.train.pixels(data.train.labels[:1]).numpy()[0], raw[0].reshape(3, 32, 32))


def test_cifar_with_a_changed_file_is_never_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_cifar(tmp_path, monkeypatch) / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(pickle, "load", None)
    with pytest.raises(InputError, match=r"published md5 sums.*delete the folder and run again"):
        load("cifar10", data_dir=tmp_path)


def test_stl10_in_its_own_files(tmp_path: Path) -> None:
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    image = np.arange(3 * 96 * 96, dtype=np.uint8).reshape(3, 96, 96)
    for part in ("train", "test"):
        (folder / f"{part}_X.bin").write_bytes(np.stack([image.swapaxes(1, 2)] * 20).tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes(k % 10 + 1 for k in range(20)))
    data = load("stl10", data_dir=tmp_path)
    assert np.array_equal(data.train.pixels(data.train.labels[:1]).numpy()[0], image)
    assert data.train.labels.bincount().tolist() == [1] * 10
    (folder / "train_X.bin").write_bytes(b"\0" * 1000)
    with pytest.raises(InputError, match="552,960 bytes for the 20 labels beside it, but has 1,000"):
        load("stl10", data_dir=tmp_path)


def test_the_real_mnist_and_fashion_mnist(shared: Path) -> None:
    digits, clothes = load("mnist", data_dir=shared), load("fashion_mnist", data_dir=shared / "FashionMNIST")
    assert (len(digits.train), len(digits.val or ()), len(digits.test or ())) == (54000, 6000, 10000)
    np.testing.assert_allclose((*digits.mean, *digits.std), (0.1307, 0.3081), atol=5e-4)
    np.testing.assert_allclose((*clothes.mean, *clothes.std), (0.2860, 0.3530), atol=5e-4)
    assert on_disk(CATALOG["fashion_mnist"], shared / "MNIST") is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "train-images-idx3-ubyte"),
        ("fashion_mnist", "train-images"),
        ("cifar10", "cifar-10"),
        ("cifar100", "cifar-100"),
        ("stl10", "train_X"),
    ],
)
def test_f49_offline_nothing_asks_the_network(tmp_path, monkeypatch, name, file):
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")
    with pytest.raises(InputError, match=f"CONVATLAS_OFFLINE forbids fetching it: put .*{file}.* or name the folder"):
        load(name, data_dir=tmp_path / "data")
    assert not list(tmp_path.iterdir())

"""A file is judged by its content: every ending of weights is read, and what is no weights is called by its name."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convatlas.errors import InputError
from convatlas.weights.formats import split_entry
from convatlas.weights.load import read

STATE = {"conv1.weight": torch.ones(4, 3, 3, 3), "conv1.bias": torch.zeros(4)}


def tar(path):
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"), io.BytesIO())


def scripted(path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.zeros(1, 3)), path)


def text(content):
    return lambda path: path.write_text(content)


def written(save):
    def write(path):
        with path.open("wb") as file:
            save(file)

    return write


def packed(members):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in members:
                archive.writestr(name, "x")

    return write


@pytest.mark.parametrize("name", ["a.ckpt", "pytorch_model.bin", "a.pth.tar", "a.th", "weights", "a.safetensors"])
@pytest.mark.parametrize(
    "save", [torch.save, lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False), save_file]
)
def test_f12_the_ending_of_a_name_means_nothing(tmp_path, name, save):
    save(STATE, tmp_path / name)
    assert read(tmp_path / name).keys() == STATE.keys()


def test_a_folder_of_a_hub_is_read(tmp_path):
    torch.save(STATE, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text("{}")
    assert read(tmp_path).keys() == STATE.keys()


WRITES = {
    "F13": (scripted, "is a TorchScript archive"),
    "F14 pointer": (text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "is a Git LFS pointer.*git lfs pull"),
    "F14 page": (text("\n<!DOCTYPE html>\n<html><body>404</body></html>"), "is a web page, not weights"),
    "error of a bucket": (text('<?xml version="1.0"?><Error>AccessDenied</Error>'), "is XML"),
    "answer of an API": (text('{"error": "Repository not found"}'), "is JSON"),
    "text": (text("not found\n"), "is text, not weights"),
    "ONNX": (lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.1.0"), "is an ONNX file"),
    "Keras": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(20)), "is an HDF5 file, as Keras writes it"),
    "Keras 3": (packed(["config.json", "metadata.json", "model.weights.h5"]), "is an archive of Keras"),
    "npz": (written(lambda file: np.savez(file, a=np.zeros(3))), "is an archive of NumPy arrays"),
    "npy": (written(lambda file: np.save(file, np.zeros(3))), "is a NumPy array"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"weights")), "is compressed with gzip: unpack it"),
    "tar": (tar, "is a tar archive: unpack it"),
    "zip": (packed(["weights/best.pth", "README"]), "is a zip archive of weights/best.pth, README: unpack it"),
    "exported": (packed(["a/archive_format", "a/models/model.json"]), "is an exported program"),
    "empty": (lambda path: path.write_bytes(b""), "is empty, or was cut short"),
    "TFLite": (lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(20)), "is a TensorFlow Lite file"),
    "picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20)), "is a picture"),
    "noise": (lambda path: path.write_bytes(bytes(range(128, 256))[::-1]), "is of an unknown kind, or was cut short"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("kind", WRITES)
def test_what_is_no_weights_is_called_by_its_name(tmp_path, kind, ending):
    write, words = WRITES[kind]
    path = tmp_path / f"a.{ending}"
    write(path)
    with pytest.raises(InputError, match=rf"a\.{ending} {words}") as error:
        read(path)
    assert "weights_only" not in str(error.value)


def test_entries_are_split_off_names_of_files_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd#name.pth").touch()
    assert [part and str(part) for part in split_entry("a.pth#ema.module")] == ["a.pth", "ema.module"]
    assert [str(part) for part in split_entry("odd#name.pth")] == ["odd#name.pth", ""]
    assert [str(part) for part in split_entry("odd#name.pth#ema")] == ["odd#name.pth", "ema"]


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_text("x")
    monkeypatch.setattr("pathlib.Path.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match=r"a\.pth cannot be opened: Permission denied"):
        read(tmp_path / "a.pth")

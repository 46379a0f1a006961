import pickle
import random

import pytest
import torch
from safetensors.torch import save_file

from convatlas import create_model
from convatlas.errors import InputError
from convatlas.models import variant
from convatlas.weights import load_into
from convatlas.weights.load import read, to_channels


def load(name, path, **options):
    family = variant(name).family
    model = create_model(name, **options)
    return model, load_into(model, path, family)


@pytest.fixture
def saved(tmp_path):
    model = create_model("resnet20")
    torch.save(model.state_dict(), tmp_path / "a.pth")
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    return model, tmp_path


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_both_formats_both_ways(saved, ending):
    model, folder = saved
    again, loaded = load("resnet20", folder / f"a.{ending}")
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in model.state_dict().items())
    assert loaded.kept == tuple(model.state_dict())
    assert (loaded.adapted, loaded.fresh) == ((), ())
    assert str(loaded) == f"{len(loaded.kept)} tensors kept"


@pytest.mark.parametrize("wrap", ["state_dict", "model"])
def test_a_checkpoint_of_parallel_training_is_found(saved, tmp_path, wrap):
    model, _ = saved
    torch.save({wrap: {f"module.{k}": v for k, v in model.state_dict().items()}, "epoch": 3}, tmp_path / "b.pth")
    again, _ = load("resnet20", tmp_path / "b.pth")
    assert torch.equal(again.conv1.weight, model.conv1.weight)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
def test_a_file_cut_short_is_named(saved, ending, share):
    path = saved[1] / f"a.{ending}"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"a\.\w+ .*cut short"):
        read(path)


def damage(content, rng):
    """A copy that is cut, flipped, longer, shorter or noise at some place."""
    changed = bytearray(content)
    at, how = rng.randrange(len(content)), rng.randrange(5)
    end = min(len(content), at + rng.choice((1, 8, 200)))
    if how == 0:
        del changed[at:]
    elif how == 1:
        for place in (rng.randrange(len(content)) for _ in range(rng.choice((1, 20)))):
            changed[place] ^= 1 << rng.randrange(8)
    elif how == 2:
        changed[at:at] = rng.randbytes(end - at)
    elif how == 3:
        del changed[at:end]
    else:
        changed[at:end] = rng.randbytes(end - at)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["pth", "legacy.pth", "safetensors"])
def test_f75_damaged_files_end_in_an_answer_or_a_sentence(tmp_path, kind):
    """`bench/mutated_inputs.py` does it for commands and all kinds of inputs."""
    state = {f"layer{i}.weight": torch.zeros(3, 4, 3, 3) for i in range(5)} | {"fc.bias": torch.zeros(4)}
    path = tmp_path / f"a.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pth")
    content, rng, sentences = path.read_bytes(), random.Random(0), []
    for _ in range(150):
        path.write_bytes(damage(content, rng))
        try:
            read(path)
        except InputError as error:
            sentences.append(str(error))
    assert len(sentences) > 20
    assert not [sentence for sentence in sentences if "\n" in sentence]


class Evil:
    def __reduce__(self):
        return (print, ("code was run",))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_nothing_is_unpickled(tmp_path, save, capsys):
    save({"w": Evil()}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="unpickling it could run any code"):
        read(tmp_path / "a.pth")
    assert "code was run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.pth", "does not exist: weights need a file or a run folder"),
        ("a.txt", "is empty"),
        ("empty", "is a folder without model.safetensors"),
        ("unfinished", "is a run that is not finished and has no weights yet"),
        ("number.pth", "state dict"),
    ],
)
def test_what_is_no_weight_file_is_named(tmp_path, name, words):
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "recipe.json").write_text("{}")
    torch.save(torch.zeros(3), tmp_path / "number.pth")
    with pytest.raises(InputError, match=words):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options"), [("resnet18", {}), ("resnet32", {}), ("resnet20", {"width": 32}), ("lenet5", {"num_classes": 3})]
)
def test_a_file_of_another_network_is_named(saved, name, options):
    with pytest.raises(InputError, match=r"is of another network: .*(lacks|unknown ones|needs shape)"):
        load(name, saved[1] / "a.pth", **options)


def test_a_head_for_other_classes_starts_afresh(saved):
    model, folder = saved
    again, loaded = load("resnet20", folder / "a.pth", num_classes=7)
    assert {name.split(".")[0] for name in loaded.fresh} == {*variant("resnet20").family.heads}
    assert torch.equal(again.conv1.weight, model.conv1.weight)
    without, _ = load("resnet20", folder / "a.pth", num_classes=0)
    assert torch.equal(without.conv1.weight, model.conv1.weight)


@pytest.mark.parametrize("channels", [1, 2, 4, 12])
def test_a_stem_for_other_channels_answers_gray_images_alike(saved, channels):
    model, folder = saved
    again, loaded = load("resnet20", folder / "a.pth", in_channels=channels)
    assert loaded.adapted == (f"{variant('resnet20').family.stem}.weight",)
    gray = torch.rand(2, 1, 32, 32)
    if channels in (1, 12):  # whole turns of red, green and blue
        a, b = model.eval()(gray.expand(-1, 3, -1, -1)), again.eval()(gray.expand(-1, channels, -1, -1))
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3, 4, 12])
def test_a_kernel_keeps_its_response_to_equal_channels(channels):
    same = torch.rand(5, 1, 3, 3).expand(-1, 3, -1, -1)
    torch.testing.assert_close(to_channels(same, channels).sum((1, 2, 3)), same.sum((1, 2, 3)))

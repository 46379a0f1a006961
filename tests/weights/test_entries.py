"""A network's tensors are found where checkpoints of all kinds have them; where two sets fit, nothing is chosen."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from convatlas import create_model
from convatlas.errors import InputError
from convatlas.models import variant
from convatlas.weights import load_into


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return create_model("resnet20", width=4)


@pytest.fixture
def load(tmp_path):
    """What becomes of a checkpoint in the network, and the network."""

    def load(content, entry="", **options):
        torch.save(content, tmp_path / "a.pth")
        fresh = create_model("resnet20", width=4, **options)
        return fresh, load_into(fresh, f"{tmp_path / 'a.pth'}{entry}", variant("resnet20").family)

    return load


def prefixed(model, prefix):
    return {f"{prefix}{key}": value for key, value in model.state_dict().items()}


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "backbone.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.module.",
        "my.own.",
    ],
)
def test_f10_a_prefix_that_all_names_share_is_removed(model, load, prefix):
    again, loaded = load(prefixed(model, prefix))
    assert torch.equal(again.conv1.weight, model.conv1.weight)
    assert len(loaded.kept) == len(model.state_dict())
    assert str(loaded).startswith(f"found under {prefix[:-1]}; ")


def test_wrappers_within_names_are_removed(model, load):
    again, _ = load({key.replace("layer1.", "layer1._orig_mod."): value for key, value in model.state_dict().items()})
    assert torch.equal(again.layer1[0].conv1.weight, model.layer1[0].conv1.weight)


CONTAINERS = {
    "F11": lambda model: {"state_dict": prefixed(model, "model."), "epoch": 3},
    "F16 model_state_dict": lambda model: {"model_state_dict": model.state_dict(), "loss": 0.1},
    "F16 net": lambda model: {"net": model.state_dict(), "acc": 91.7, "epoch": 90},
    "module": lambda model: {"module": model.state_dict()},
    "any name": lambda model: {"my weights": model.state_dict()},
    "two deep": lambda model: {"checkpoint": {"model": model.state_dict()}},
    "ema alone": lambda model: {"ema_state_dict": prefixed(model, "module.") | {"n_averaged": torch.tensor(3)}},
    "optimizer": lambda model: {
        "model": model.state_dict(),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3, 3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    },
    "averaged": lambda model: {"n_averaged": torch.tensor(3)} | prefixed(model, "module."),
    "flat beside numbers": lambda model: {"epoch": 3} | dict(model.state_dict()),
    "ordered": lambda model: OrderedDict(state_dict=OrderedDict(model.state_dict())),
    "parameters": lambda model: {"model": {key: nn.Parameter(value.float()) for key, value in model.state_dict().items()}},
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_the_only_entry_that_fits_is_taken(model, load, kind):
    again, loaded = load(CONTAINERS[kind](model))
    assert torch.equal(again.fc.weight, model.fc.weight)
    assert len(loaded.kept) == len(model.state_dict())


def test_what_lightning_writes_is_read(model, load):
    lightning = {
        "epoch": 4, "global_step": 500, "pytorch-lightning_version": "2.5.1",
        "state_dict": prefixed(model, "model.") | {"criterion.weight": torch.ones(10)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 5}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.3)}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.ones(4, 3, 3, 3)}}}],
        "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": {"lr": 0.1, "widths": [4, 8]},
    }  # fmt: skip
    again, loaded = load(lightning)
    assert torch.equal(again.conv1.weight, model.conv1.weight)
    assert str(loaded).startswith("found under state_dict.model; left out: ")
    assert "state_dict.criterion.weight" in str(loaded)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (lambda s: {"state_dict": s, "state_dict_ema": s}, "'state_dict' and 'state_dict_ema'"),
        (lambda s: {"model": s, "model_ema": {f"module.{k}": v for k, v in s.items()}}, "'model' and 'model_ema'"),
        (lambda s: {f"{q}.{k}": v for q in ("student", "teacher") for k, v in s.items()}, "'student' and 'teacher'"),
    ],
)
def test_nothing_is_chosen_where_two_entries_fit(model, load, content, names):
    with pytest.raises(InputError, match=rf"2 times, under {names}: name the one you mean, as in .*a\.pth#\w+"):
        load(content(model.state_dict()))


@pytest.mark.parametrize("entry", ["#model_ema", "#model_ema.module"])
def test_an_entry_may_be_named(model, load, entry):
    other = create_model("resnet20", width=4)
    again, loaded = load({"model": other.state_dict(), "model_ema": prefixed(model, "module.")}, entry)
    assert torch.equal(again.conv1.weight, model.conv1.weight)
    assert str(loaded).startswith("found under model_ema.module; ")
    with pytest.raises(InputError, match="has no entry 'emma' with tensors: it has model, model_ema"):
        load({"model": other.state_dict(), "model_ema": prefixed(model, "module.")}, "#emma")


def test_a_network_of_another_shape_is_no_rival(model, load):
    """A teacher of twice the width has the names, and none of the sizes but norms' counters."""
    teacher = create_model("resnet20", width=8).state_dict()
    again, loaded = load({"student": model.state_dict(), "other": {"a": torch.ones(3, 3)}, "steps": [teacher]})
    assert torch.equal(again.conv1.weight, model.conv1.weight)
    assert "left out: other.a" in str(loaded)


@pytest.mark.parametrize(
    "content", [{"epoch": 3, "acc": 91.7}, {"optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}}, [torch.ones(3)]]
)
def test_a_checkpoint_without_a_state_dict_is_named(load, content):
    with pytest.raises(InputError, match=r"needs to hold a state dict .* got "):
        load(content)


@pytest.mark.parametrize("name", ["fc", "fc.1", "out", "classifier.linear"])
def test_f15_a_missing_or_another_head_is_re_initialized(model, load, name):
    body = {key: value for key, value in model.state_dict().items() if not key.startswith("fc.")}
    for more in ({}, {f"{name}.weight": torch.ones(5, 16), f"{name}.bias": torch.ones(5)}):
        again, loaded = load(body | more, num_classes=3)
        assert torch.equal(again.layer3[0].conv1.weight, model.layer3[0].conv1.weight)
        assert loaded.fresh == ("fc.weight", "fc.bias")
        assert loaded.dropped == (tuple(more) if name != "fc" else ())


def test_a_deeper_network_without_a_head_is_another_network(load):
    deeper = create_model("resnet32", width=4, num_classes=0).state_dict()
    with pytest.raises(InputError, match=r"is of another network: it has .* unknown ones such as layer1\.3"):
        load(deeper)


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "infinity")])
def test_f42_weights_that_are_no_numbers_are_named(model, load, value, word):
    state = dict(model.state_dict())
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"].index_fill(0, torch.tensor(1), value)
    with pytest.raises(InputError, match=rf"the weights of .*a\.pth hold {word} in layer1\.0\.conv1\.weight"):
        load(state)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read(model, load, kind):
    again, _ = load({key: value.to(kind) if value.is_floating_point() else value for key, value in model.state_dict().items()})
    torch.testing.assert_close(again.conv1.weight, model.conv1.weight, rtol=1e-2, atol=1e-2)

"""Networks of the user's own: named by their place, called as their signature says, and executed only if the user says so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from convatlas.errors import InputError
from convatlas.models import create_model, model_info, row_of, variant
from convatlas.models.code import KEPT, LOADED, check_text, keep_code, write_code
from convatlas.models.own import own_family
from convatlas.trust import TRUST, Trust, allow, is_own, place_and_rest

NETWORK = '''"""A network for tests."""

from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=10, in_channels=3, *, width=4, depths=(1, 1), act="relu", skip=True, note=None):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1)
        self.blocks = nn.Sequential(*(nn.Conv2d(width, width, 3, padding=1) for _ in range(sum(depths))))
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc(self.norm(self.blocks(self.stem(x))).mean((2, 3)))
'''
MARK = "import pathlib\npathlib.Path('executed').touch()\n"
"""A line whose execution is seen."""

Written = Callable[..., str]


@pytest.fixture(autouse=True)
def _fresh_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is trusted, nothing is loaded, and the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    before = Trust(set(TRUST.places), TRUST.all, set(TRUST.folders), TRUST.changed)
    TRUST.places, TRUST.all, TRUST.folders, TRUST.changed = set(), False, set(), False
    for store in (KEPT, LOADED):
        store.clear()
    own_family.cache_clear()
    yield
    TRUST.places, TRUST.all, TRUST.folders, TRUST.changed = before.places, before.all, before.folders, before.changed
    own_family.cache_clear()


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a file with a network, and allows it."""

    def write(text: str = NETWORK, name: str = "mynet.py", *, named: bool = True) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        if named:
            allow(f"{name}:Net")
        return f"{name}:Net"

    return write


def module(body: str) -> str:
    """A file whose class has this body."""
    return "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n" + "".join(
        f"    {line}\n" for line in body.splitlines()
    )


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("mynet.py:Net", ("mynet.py:Net", None)),
        ("a/b.py:Net:width=3,depths=1-2", ("a/b.py:Net", "width=3,depths=1-2")),
        ("C:\\a\\b.py:Net", ("C:\\a\\b.py:Net", None)),
        ("timm.models:resnet26t:drop_rate=0.1", ("timm.models:resnet26t", "drop_rate=0.1")),
        ("resnet20:depths=3-3-3", None),
        ("resnet20", None),
        ("mynet.py", None),
        ("runs/mine", None),
    ],
)
def test_a_place_of_code_is_told_from_a_name(name: str, result: tuple[str, str | None] | None) -> None:
    assert place_and_rest(name) == result
    assert is_own(name) == (result is not None)


def test_its_signature_is_what_can_be_changed(written: Written) -> None:
    place = written()
    network = variant(f"{place}:width=8,depths=2-1,skip=false,note=7")
    assert network.name == f"{place}:width=8,depths=2-1,skip=False,note=7"
    assert variant(network.name).spec == network.spec
    model = create_model(network, num_classes=7, in_channels=1)
    assert model.stem.in_channels == 1
    assert model.fc.out_features == 7
    assert len(model.blocks) == 3
    for wrong, words in (
        ("wdth=3", "did you mean width"),
        ("width=2.5", "needs a whole number such as 4"),
        ("depths=x", "positive whole numbers such as 1-1"),
        ("skip=3", "needs True or False"),
    ):
        with pytest.raises(InputError, match=words):
            variant(f"{place}:{wrong}")


def test_head_and_stem_are_found_or_named(written: Written) -> None:
    family = variant(written()).family
    assert (family.stem, family.heads, family.suits.optimizer) == ("stem", ("fc",), "sgd")
    named = variant(
        written(NETWORK.replace("    def __init__", '    HEADS = "norm"\n    STEM = "blocks.0"\n\n    def __init__'), "b.py")
    )
    assert (named.family.stem, named.family.heads) == ("blocks.0", ("norm",))
    with pytest.raises(InputError, match="no such module"):
        variant(written(NETWORK.replace("    def __init__", '    HEADS = "fd"\n\n    def __init__'), "c.py"))
    hidden = (
        "def __init__(self, num_classes=10):\n    super().__init__()\n    self.w = nn.Parameter(torch.zeros(3, num_classes))\n"
    )
    with pytest.raises(InputError, match='name it in the class, HEADS = \\("fc",\\)'):
        variant(written(module(f"{hidden}def forward(self, x):\n    return x.mean((2, 3)) @ self.w\n"), "d.py"))


def test_without_its_head_it_gives_features(written: Written) -> None:
    model = create_model(written(), num_classes=0)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 4)


def test_what_is_known_of_it_is_counted(written: Written) -> None:
    info = model_info(written())
    assert info.parameters == sum(p.numel() for p in create_model("mynet.py:Net").parameters())
    assert info.macs == row_of("mynet.py:Net").macs > 0
    assert (info.idea, info.papers, info.image_size) == ("A network for tests.", (), 32)


def test_a_library_gives_networks_too() -> None:
    for place, changes in (("torchvision.models:shufflenet_v2_x0_5", ""), ("timm.models:test_resnet", ":drop_rate=0.1")):
        allow(place)
        assert create_model(place + changes, num_classes=7, device="meta").fc.out_features == 7
        assert variant(place).family.heads == ("fc",)
    gray = create_model("timm.models:test_resnet", num_classes=7, in_channels=1).eval()
    assert gray(torch.zeros(1, 1, 32, 32)).shape == (1, 7)
    with pytest.raises(InputError, match="takes 3 channels: take in_channels as an argument"):
        create_model("torchvision.models:shufflenet_v2_x0_5", num_classes=7, in_channels=1)


INIT = "def __init__(self, num_classes=10, in_channels=3):\n    super().__init__()\n"
LAYER = "    self.fc = nn.Conv2d(in_channels, num_classes, 5)\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0\n", r"mynet.py:Net raised ZeroDivisionError \(division by zero\) in line 1, 1 / 0"),
        ("class Net(:\n", "SyntaxError .* in line 1, class Net"),
        ("import torch\n", "unknown class or function of mynet.py 'Net'"),
        ("class Nets:\n    pass\n\n\ndef Nett():\n    pass\n", "did you mean Nett"),
        ("Net = 3\n", "a class or function that makes a network, got int"),
        ("def Net(num_classes):\n    return 3\n", "needs to make a torch.nn.Module, got int"),
        (module("def __init__(self, width):\n    super().__init__()\n"), "needs a value for width: give it a default"),
        (module("def __init__(self):\n    super().__init__()\n    self.x = y\n"), r"NameError .* in line 8, self.x = y"),
        (module("def forward(self, x):\n    return x\n"), "a module without parameters"),
        (
            module(f"{INIT}{LAYER}def forward(self, x):\n    return self.fc(x)\n"),
            r"10 logits for each image, a tensor \(2, 10\)",
        ),
        (module(f"{INIT}{LAYER}def forward(self, x):\n    return [x]\n"), "a tensor of logits for images of 3x32x32, got list"),
        (module(f"{INIT}{LAYER}def forward(self, x):\n    return self.fd(x)\n"), "AttributeError .*return self.fd"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(written: Written, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        variant(written(text))


def test_other_wrong_names_are_sentences_too(written: Written) -> None:
    written()
    for name, words in (
        ("mynet.py", "write mynet.py:NAME"),
        ("nothere.py:Net", "`convatlas new nothere.py` writes one"),
        ("not.here:Net", "needs the module not, which is not there: pip install not"),
        ("torch.nothere:Net", "needs the module torch.nothere"),
    ):
        allow(name)
        with pytest.raises(InputError, match=words):
            variant(name)
    with pytest.raises(InputError, match=r"cannot take images of 3x4x4: .*--image-size"):
        create_model(
            written(module(f"{INIT}{LAYER}def forward(self, x):\n    return self.fc(x).mean((2, 3))\n"), "b.py"), image_size=4
        )


def test_code_is_not_executed_unless_it_was_named(written: Written, tmp_path: Path) -> None:
    place = written(MARK + NETWORK, named=False)
    with pytest.raises(InputError, match="code that the command does not name, so it is not executed"):
        create_model(place)
    assert not (tmp_path / "executed").exists()
    create_model(place, trust_code=True)
    assert (tmp_path / "executed").exists()


def run_folder(tmp_path: Path, place: str) -> Path:
    """A run folder that keeps the code of a place, as another process finds it."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_code(folder, place)
    TRUST.places.clear()
    LOADED.clear()
    own_family.cache_clear()
    (tmp_path / "executed").unlink(missing_ok=True)
    keep_code(folder, place)
    return folder


def test_the_code_that_a_run_keeps_needs_trust(written: Written, tmp_path: Path) -> None:
    place = written(MARK + NETWORK)
    folder = run_folder(tmp_path, place)
    (tmp_path / "mynet.py").unlink()
    with pytest.raises(InputError, match=r"read .*run.network\.py and add --trust-code"):
        variant(place)
    assert not (tmp_path / "executed").exists()
    TRUST.folders.add(folder)
    assert create_model(place).fc.in_features == 4
    assert (tmp_path / "executed").exists()


def test_a_named_file_of_the_same_text_opens_a_run(written: Written, tmp_path: Path) -> None:
    place = written()
    run_folder(tmp_path, place)
    moved = written(name="moved.py")
    assert create_model(place).fc.out_features == 10
    assert list(LOADED) == [moved, place]


def test_weights_of_another_text_are_refused_unless_told(written: Written, tmp_path: Path) -> None:
    place = written()
    folder = run_folder(tmp_path, place)
    written(NETWORK.replace("padding=1", "padding=2"))
    with pytest.raises(InputError, match=r"trained with another text of mynet\.py:Net .*--changed-code"):
        check_text(folder, place)
    TRUST.changed = True
    check_text(folder, place)

"""Every comparison of the certificate passes where networks are equal, and fails where one is changed ever so little."""

import json
import re
import sys
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from selection import networks
from torch import nn

from convatlas import catalog, cli
from convatlas import verify as certificate
from convatlas.models import CATALOG, FAMILIES, create_on_meta, variant
from convatlas.models.family import Counterpart, Family, Native, Paper, Printed, Sides, Suits
from convatlas.verify import (
    Check,
    Outcome,
    Verdict,
    layout,
    memory,
    parse_size,
    random_weights,
    references,
    summary,
    values,
    verify,
)
from convatlas.verify.layout import format_like
from convatlas.verify.names import pairing
from convatlas.views.certificate import page

# A network small enough to be compared in a moment, with one of everything that can go wrong, and its twin in another library.


@dataclass(frozen=True, slots=True)
class Spec:
    width: int = 6


class Small(nn.Module):
    def __init__(self, spec=None, num_classes=5, in_channels=3, image_size=80):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(0.3)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.fc = nn.Linear(8, num_classes)
        self.aux = nn.Linear(8, num_classes)
        self.register_buffer("index", torch.arange(4))

    def forward(self, x):
        x = self.activation(self.bn1(self.conv1(x)))
        x = self.activation(self.bn2(self.conv2(x)))
        x = self.norm(self.dropout(x.mean((2, 3))))
        return (self.fc(x), self.aux(x)) if self.training else self.fc(x)


FAMILY = Family(
    name="small",
    title="Small",
    papers=(Paper("Nobody", 2020, "Small", "nowhere"),),
    ideas=(),
    build=Small,
    variants={"small": Spec()},
    native=Native(5, 3, 80),
    suits=Suits("sgd", lr=0.1, weight_decay=0),
    stem="conv1",
    heads=("fc",),
    references={"small": (Counterpart("another", "small"),)},
)


def get_model(**options):
    return Small()


def nothing(model):
    pass


@pytest.fixture
def small(monkeypatch):
    """`small(sabotage)` → the verdict on the small network after `sabotage(network)`, by the name of its check."""
    reference = references.Reference("torchvision", "small", __name__, "get_model", {})
    monkeypatch.setattr(references.Reference, "published_macs", lambda *_: 0.00022, raising=True)
    monkeypatch.setattr(references, "reference", lambda _: reference)
    monkeypatch.setattr(certificate, "sections", lambda _: {})

    def judge(sabotage=nothing, facts=(), **options):
        def build(*args):
            model = Small(*args)
            return sabotage(model) or model

        monkeypatch.setitem(CATALOG, "small", replace(FAMILY, build=build, **dict(facts)))
        [verdict] = verify(["small"], **options)
        return verdict

    return judge


def checks(verdict, outcome):
    return [check.name for check in verdict.those(outcome)]


def test_equal_networks_are_equal(small):
    verdict = small()
    assert (verdict.outcome, verdict.difference, str(verdict)) == (Outcome.EQUAL, 0, "equal")
    assert checks(verdict, Outcome.EQUAL) == [
        "parameters", "names", "shapes", "types", "MACs", "tables", "weights to ours", "weights from ours", "logits",
        "logits in training", "gradients", "statistics",
    ]  # fmt: skip
    assert verdict.reference.startswith("torchvision ")
    assert verdict.parameters == sum(p.numel() for p in Small().parameters())


def swapped(model):
    model._modules = {name: model._modules[name] for name in ("conv1", "bn1", "bn2", "conv2", *list(model._modules)[4:])}


def no_bias(model):
    model.conv1.bias = None


def wider(model):
    model.conv2 = nn.Conv2d(6, 8, 5, stride=2, padding=2, bias=False)


def other_type(model):
    model.index = model.index.to(torch.int32)


def other_table(model):
    model.index = model.index.flip(0)


def stride(model):
    model.conv2.stride = (1, 1)


def epsilon(model):
    model.norm.eps = 1e-5


def activation(model):
    model.activation = nn.LeakyReLU(1e-4)


def momentum(model):
    model.bn2.momentum = 0.2


def dropout(model):
    model.dropout.p = 0.4


def gradient(model):
    model.bn1.register_forward_hook(lambda _, __, y: y + 0.01 * (y - y.detach()))


def no_gradient(model):
    model.bn1.register_forward_hook(lambda _, __, y: y.detach())


def auxiliary(model):
    model.aux.register_forward_hook(lambda _, __, y: 1.001 * y)


def error(model):
    model.fc.register_forward_hook(lambda _, __, y: y @ y if not y.is_meta else y)


IN_TRAINING = ["logits in training", "gradients"]


@pytest.mark.parametrize(
    ("sabotage", "found", "words"),
    [
        (swapped, ["names"], "names bn2.weight, expected conv2.weight"),
        (no_bias, ["parameters", "names"], "lacks 1 such as conv1.bias"),
        (
            wider,
            ["parameters", "shapes", "MACs", "comparison"],
            r"shapes conv2.weight \[8, 6, 5, 5\], expected .*\[8, 6, 3, 3\]",
        ),
        (other_type, ["types", "tables"], "types index torch.int32, expected index torch.int64"),
        (other_table, ["tables"], "tables differ by"),
        (stride, ["MACs", "logits", *IN_TRAINING, "statistics"], "MACs 0.001G, expected 0.000G"),
        (epsilon, ["logits", *IN_TRAINING], "logits differ by"),
        (activation, ["logits", *IN_TRAINING, "statistics"], "gradients differ by .* of "),
        (momentum, ["statistics"], "statistics differ by"),
        (dropout, IN_TRAINING, "logits in training differ by"),
        (gradient, ["gradients"], "gradients differ by .* of conv1|bn1"),
        (no_gradient, ["gradients"], "gradients differ by inf of "),
        (auxiliary, IN_TRAINING, "logits in training differ by 1.0e-03"),
        (error, ["comparison"], "comparison stopped with RuntimeError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_check_can_fail(small, sabotage, found, words):
    verdict = small(sabotage)
    assert verdict.outcome is Outcome.DIFFERS
    assert checks(verdict, Outcome.DIFFERS) == found, str(verdict)
    assert re.search(words, str(verdict)), str(verdict)
    assert "Unexplained differences: small." in summary([verdict])
    json.dumps(verdict.to_json(), allow_nan=False)


def test_a_rounding_is_told_from_a_mistake(small):
    def sum_in_another_order(model):
        model.fc.forward = lambda x: (x.unsqueeze(1) * model.fc.weight).flip(2).sum(2) + model.fc.bias

    verdict = small(sum_in_another_order)
    assert verdict.outcome is Outcome.CLOSE
    assert 0 < verdict.difference < 1e-12  # so it was computed with 64 bits
    assert re.fullmatch(r"equal within \de-1\d", str(verdict))
    assert "64 bits" in next(check.found for check in verdict.checks if check.name == "logits")


def test_figures_in_print_are_compared_and_only_known_differences_pass(small, monkeypatch):
    monkeypatch.setattr(references.Reference, "published_macs", lambda *_: 0.5)
    numbers, sides = Printed("742", "", "Nobody 2020"), Sides((41, 20), "Nobody 2020")
    facts = {"printed": {"small": numbers}, "sides": {"small": sides}}
    assert checks(small(facts=facts), Outcome.DIFFERS) == ["paper's parameters", "maps", "MACs"]
    monkeypatch.setattr(references.Reference, "published_macs", lambda *_: 0.0)
    own = f"{small().parameters:,}"
    numbers, sides = replace(numbers, ours=own, why="a slip of the pen"), replace(sides, ours=(40, 20), why="another")
    facts = {"printed": {"small": numbers}, "sides": {"small": sides}}
    verdict = small(facts=facts)
    assert verdict.outcome is Outcome.KNOWN
    assert str(verdict) == (
        f"equal; differs knowingly: paper's parameters {own} instead of 742: a slip of the pen; "
        "maps 40, 20 instead of 41, 20: another"
    )
    assert "1 differs knowingly. No unexplained difference." in summary([verdict])
    assert "maps 20, 10, expected 41, 20" in str(small(lambda model: setattr(model.conv1, "stride", (4, 4)), facts))


def test_what_says_nothing_does_not_pass_as_equal(small, monkeypatch):
    monkeypatch.setattr(
        values, "randomize_weights", lambda model: [random_weights.randomize_weights(model), model.fc.weight.data.zero_()]
    )
    assert "logits are the same for two images" in str(small())


@pytest.mark.slow
def test_memory_is_bounded_and_a_refusal_said(small, monkeypatch):
    verdict = small(memory=10**6)
    assert verdict.outcome is Outcome.EQUAL
    assert verdict.difference is None
    assert str(verdict) == "equal in layout; values not compared: 0.7 GB of memory are needed, 0.0 GB allowed"
    assert str(small(quick=True)) == "equal in layout; values not compared: left out by --quick"

    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(values, "calibrate_batch_norms", full)
    assert str(small()) == "equal in layout; values not compared: memory ran out"


def test_memory_that_is_needed_is_foreseen():
    """Weights both share, one network's gradients, our largest gradient, and what a training step saves."""
    model = nn.Sequential(nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 1000)).to("meta")
    weights, largest = 4 * 2 * 1_001_000, 4 * 10**6
    saved = 4 * 5 * 2 * 1000  # the input, and the output of the ReLU, which the layer after it also keeps
    found = memory.comparison_memory(model, torch.empty(5, 1000, device="meta"))
    assert found - memory.ASIDE == 2 * weights + largest + saved


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8 * 10**9), ("8 g", 8 * 10**9), ("1.5GiB", 3 * 2**29), ("500MB", 5 * 10**8), ("64", 64)]
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "8XB", "8GB8", "1e9"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError, match="--memory needs a size such as 8GB"):
        parse_size(text)


@pytest.mark.slow
def test_a_missing_reference_is_said(monkeypatch):
    for name in [key for key in sys.modules if key.partition(".")[0] == "pytorchcv"] + ["pytorchcv"]:
        monkeypatch.setitem(sys.modules, name, None)
    [verdict] = verify(["mobilenet_v1_025"], quick=True)
    missing = "pytorchcv is not installed: pip install pytorchcv"
    assert str(verdict) == f"equal to the paper (paper's parameters, paper's MACs, maps); values not compared: {missing}"
    assert verdict.reference == "Howard et al. 2017"
    pytest.importorskip("timm")
    [verdict] = verify(["mobilenet_v1_100"])
    assert verdict.difference < 1e-12
    assert verdict.reference.endswith("mobilenetv1_100")
    assert str(verdict).endswith(f"pytorchcv not compared: {missing}")
    assert str(next(verify(["tinyvgg"]))) == "equal to the paper (maps); values not compared: no library has the network"
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    assert str(next(verify(["tinyvgg"]))).endswith("torchvision is not installed: pip install torchvision")


def test_tensors_are_paired_by_name_by_renames_or_in_order():
    state = {"a.weight": torch.zeros(3, 2), "a.bias": torch.zeros(3)}
    assert pairing(state, dict(reversed(state.items())), ()).how == "under the same names"
    named = {"b.weight": torch.zeros(3, 2, 1, 1), "b.bias": torch.zeros(3)}
    by_name = pairing(named, state, ((r"^b\.", "a."),))
    assert by_name.ours == {"b.weight": "a.weight", "b.bias": "a.bias"}
    assert by_name.to_ours(named, state)["a.weight"].shape == (3, 2)
    assert by_name.to_theirs(state, named)["b.weight"].shape == (3, 2, 1, 1)
    assert pairing(named, state, ()).how == "in order, since the names differ"
    assert pairing(dict(reversed(named.items())), state, ()) == "2 tensors: lacks 2 such as b.bias, adds 2 such as a.bias"


@pytest.mark.parametrize(
    ("value", "like", "text"), [(25_028_904, "25.0M", "25.0M"), (4_089_184_256, "3.8G", "4.1G"), (60_000, "61,706", "60,000")]
)
def test_numbers_are_written_as_the_paper_writes_them(value, like, text):
    assert format_like(value, like) == text


@pytest.mark.slow
def test_the_tables_name_networks_that_exist_and_differences_that_are_there():
    known = []
    for family in FAMILIES:
        facts = {**family.printed, **family.sides}
        assert {*facts, *family.references} <= {family.name, *family.variants}
        known += [(name, fact.why) for facts in (family.printed, family.sides) for name, fact in facts.items() if fact.ours]
    assert len(known) == 6
    for name, why in known:
        checked = layout.check_paper(variant(name), create_on_meta(name))
        assert why in [check.why for check in checked if check.outcome is Outcome.KNOWN]


def test_every_network_is_compared_with_something():
    for name, family in CATALOG.items():
        reference, missing = references.reference_of(variant(name))
        assert reference or missing or name in family.printed or family.sides_of(name), name


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("resnet20", "pytorchcv"),
        pytest.param("shufflenet_v2_x0_5", "torchvision", marks=pytest.mark.slow),
        pytest.param("efficientnet_lite0", "timm", marks=pytest.mark.thorough),
    ],
)
def test_real_networks(name, library):
    pytest.importorskip(library)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    [verdict] = verify([name])
    assert verdict.outcome is not Outcome.DIFFERS, str(verdict)
    assert verdict.difference <= (0 if library == "torchvision" else 1e-12)
    assert verdict.reference.startswith(library)
    assert torch.equal(torch.get_rng_state(), before)


ALONE = "lenet5 squeezenet1_1 mnasnet0_5 tinyvgg".split()


@pytest.mark.parametrize("name", networks(CATALOG, (), ALONE))
def test_the_whole_catalog(name):
    """Values up to a hundred million parameters, layouts of all; CI takes small ones that tests/parity does not compare."""
    [verdict] = verify([name], quick=catalog.ROWS[name].parameters > 10**8)
    assert verdict.outcome is not Outcome.DIFFERS, str(verdict)


def test_the_page_of_the_docs_has_every_network():
    """`make docs` writes it again."""
    text = (Path(__file__).parents[2] / "docs/reference/verify.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\w+) \| ", text, re.MULTILINE)[1:] == list(CATALOG)
    assert "DIFFERS" not in text
    assert "No unexplained difference." in text


# The command and the page


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["convatlas", "verify", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr()

    return run


def test_a_line_a_network_in_the_catalogs_order(say):
    code, said = say("tinyvgg", "lenet5*", "--quick")
    assert code == 0
    *lines, _, total = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["lenet5", "lenet5_1998", "tinyvgg"]
    assert "61,706" in lines[0]
    assert total == "3 networks: 3 equal to the paper. No unexplained difference."
    assert said.err == ""


@pytest.mark.slow
def test_an_unexplained_difference_ends_with_one(say, monkeypatch, tmp_path):
    wrong = {"lenet5": Printed("61,707", "", "nobody")}
    monkeypatch.setitem(CATALOG, "lenet5", replace(CATALOG["lenet5"], printed=wrong))
    code, said = say("lenet5")
    assert code == 1
    assert "DIFFERS: paper's parameters 61,706, expected 61,707" in said.out
    code, said = say("lenet5", "lenet5_1998", "--json", "--html", "certificate.html")
    assert code == 1
    rows = json.loads(said.out)
    assert [row["outcome"] for row in rows] == ["DIFFERS", "equal"]
    assert rows[0]["checks"][0] == {
        "name": "paper's parameters", "outcome": "DIFFERS", "found": "61,706", "expected": "61,707", "why": "nobody",
        "difference": None,
    }  # fmt: skip
    assert "expected 61,707" in Path("certificate.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["resnt18"], "unknown network 'resnt18': did you mean resnet18"), (["lenet5", "--memory", "x"], "size such as 8GB")],
)
def test_wrong_input_ends_with_two(say, words, sentence):
    code, said = say(*words)
    assert code == 2
    assert sentence in said.err


class Reader(HTMLParser):
    """Tags in the order they open, each closed rightly."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data if self.open and self.open[-1] not in {"style", "script"} else ""


def test_the_page_is_whole_and_hostile_text_stays_text():
    evil = '<script>alert("x")</script><img src=x>'
    outcomes = [
        Check(evil, outcome, evil, evil, evil, value)
        for outcome, value in zip(Outcome, (None, 0.0, 1e-16, 2.0, float("inf")), strict=True)
    ]
    verdicts = [
        Verdict("good", "small", "torchvision 0.29.2", 12_345, (Check("names", Outcome.EQUAL),), "", 0.1),
        Verdict(evil, evil, evil, 1, tuple(outcomes), evil, 0.1),
    ]
    made = {
        "command": evil,
        "created": "2026-11-20T12:00:00+00:00",
        "seconds": 71.2,
        "environment": {"processor": evil, "threads": 2},
    }
    text = page(verdicts, made)
    read = Reader(text)
    assert read.tags.count("script") == 1
    assert "img" not in read.tags
    assert read.words.count(evil) > 10
    for needed in ("12,345", "equal in layout", "DIFFERS", "Unexplained differences", "∞", "1e-16", "20 November 2026", "71 s"):
        assert needed in read.words, needed
    assert text == page(verdicts, made)

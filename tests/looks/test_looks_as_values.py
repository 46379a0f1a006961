"""Each look is a value: its options are those of its drawing function, and the command line, docs and tables follow it."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from convatlas.errors import InputError
from convatlas.insight.embedding import METHODS as EMBEDDINGS
from convatlas.insight.saliency import METHODS
from convatlas.looks import BY_NAME, LOOKS, choose_looks
from convatlas.looks.look import Option

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_look_has_the_options_that_its_drawing_function_takes(name):
    drawing = importlib.import_module(f"convatlas.looks.draw.{name}").pictures
    keywords = [p.name for p in inspect.signature(drawing).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert sorted(keywords) == sorted(option.key for option in BY_NAME[name].options)


def test_options_of_one_name_are_of_one_kind():
    kinds = {}
    for option in (option for look in LOOKS for option in look.options):
        assert kinds.setdefault(option.name, (option.kind, option.many)) == (option.kind, option.many)


def test_choices_are_those_of_insight():
    choices = {(look.name, option.name): option.choices for look in LOOKS for option in look.options if option.choices}
    assert choices["saliency", "method"] == tuple(METHODS)
    assert choices["embedding", "method"] == EMBEDDINGS


def test_looks_share_the_values_of_an_option_by_their_choices():
    saliency, embedding, filters = BY_NAME["saliency"], BY_NAME["embedding"], BY_NAME["filters"]
    chosen = choose_looks(("saliency", "embedding", "filters"), {"method": ("pca", "gradcam"), "count": "7"})
    assert list(chosen) == [saliency, embedding, filters]
    assert (chosen[saliency]["methods"], chosen[embedding]["methods"]) == (("gradcam",), ("pca",))
    assert [options["count"] for options in chosen.values()] == [7, 7, 7]
    assert choose_looks(("all",), {"method": ("pca",)})[saliency]["methods"] == saliency.parse({})["methods"]
    with pytest.raises(InputError, match="unknown method 'pac': did you mean pca"):
        choose_looks(("all",), {"method": ("pac",)})
    with pytest.raises(InputError, match="unknown option of filters 'steps'"):
        choose_looks(("filters",), {"steps": 3})
    with pytest.raises(InputError, match="unknown look 'filter': did you mean filters"):
        choose_looks(("filter",), {})


@pytest.mark.parametrize(
    ("option", "value", "parsed"),
    [
        (Option(name="n", kind=int, help="", at_least=1), "12", 12),
        (Option(name="n", kind=int, help="", default=3), None, 3),
        (Option(name="x", kind=float, help="", above=0), "0.5", 0.5),
        (Option(name="w", kind=str, help="", many=True, default=("a",)), (), ("a",)),
        (Option(name="w", kind=str, help="", many=True), "b", ("b",)),
        (Option(name="b", kind=bool, help=""), False, False),
    ],
)
def test_values_are_parsed_by_their_kind(option, value, parsed):
    assert option.parse(value) == parsed


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (Option(name="n", kind=int, help="", at_least=1), 0, "--n needs a whole number of at least 1, got 0"),
        (Option(name="n", kind=int, help=""), "2.5", "--n needs a whole number, got '2.5'"),
        (Option(name="x", kind=float, help="", above=0), 0, "--x needs a number above 0, got 0"),
        (Option(name="x", kind=float, help=""), "nan", "--x needs a number, got 'nan'"),
        (Option(name="w", kind=str, help="", choices=("left", "right")), "lift", "unknown w 'lift': did you mean left"),
        (Option(name="b", kind=bool, help=""), "no", "--b needs yes or no, got 'no'"),
    ],
)
def test_values_out_of_range_are_refused_by_name(option, value, words):
    with pytest.raises(InputError, match=words):
        option.parse(value)


def test_the_table_of_looks_is_light():
    script = "import sys, convatlas.looks; print(*sorted({'torch', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)))"
    assert not subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_the_page_of_looks_has_their_table():
    """`make docs` writes it again."""
    place = importlib.util.spec_from_file_location("write_looks", ROOT / "docs" / "write" / "looks.py")
    script = importlib.util.module_from_spec(place)
    place.loader.exec_module(script)
    text = script.PAGE.read_text(encoding="utf-8")
    assert text == script.page(text)
    assert all(f"| `{look.name}` |" in text for look in LOOKS)

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest
from fabricated import emptied, pixels, results, without_test
from selection import networks

from convatlas.views import report

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Reads a page and holds its elements, its text, and whether each element was closed in order."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.tags, self.text, self.script, self.policy = [], [], [], "", ""
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"]

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            self.script += data
        elif "style" not in self.stack:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def read(value, images=None):
    return Page(report.page(value, pixels() if images is None else images))


VARIANTS = {
    "default": results(),
    "failed": results(failed=(1,)),
    "all_failed": results(2, failed=(0, 1)),
    "one": results(1, 1, epochs=1),
    "one_seed": results(seeds=1),
    "hundred": results(3, 2, 100),
    "twelve": results(12, 2, failed=(7,)),
    "no_test": without_test(results()),
    "nulls": emptied(results(failed=(2,))),
    "nothing": {"networks": []},
}


@pytest.mark.parametrize("name", networks(VARIANTS, ("failed", "all_failed", "one", "no_test", "nulls", "nothing"), VARIANTS))
def test_every_page_is_whole_and_alone(name):
    text = report.page(VARIANTS[name], pixels())
    page = Page(text)
    for tag, attributes in page.tags:
        for key in ("src", "href", "action", "srcset", "xlink:href"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (tag, attributes)
        assert not [key for key in attributes if key.startswith("on")]
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    assert not re.search(r"@import|url\((?![\"']?(?:#|data:))", text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not re.search(r"\b(None|nan|inf|undefined)\b", page.words)
    assert len(text) < 3_000_000


def test_the_policy_allows_this_script_and_nothing_else():
    page = read(results(1, 1))
    digest = base64.b64encode(sha256(page.script.encode()).digest()).decode()
    assert page.policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in page.policy
    assert sum(tag == "script" for tag, _ in page.tags) == 1


def test_hostile_text_stays_text():
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)></style>'
    value = results(3, failed=(2,))
    value |= {"title": evil, "command": evil, "created": evil}
    value["data"] |= {"classes": [evil] * 10, "title": evil}
    value["environment"]["processor"] = evil
    value["networks"][0] |= {"name": evil, "recipe": {evil: evil}}
    value["networks"][1]["against_best"] = {"best": evil, "words": evil, "difference": None, "interval": None, "p_value": None}
    value["networks"][2]["error"] = evil
    page = read(value)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.words.count('<script>alert("x")</script>') > 20


def test_the_page_says_what_it_has_to():
    words = read(results(failed=(1,))).words
    for needed in (
        "5 networks on Optical digits", "of the 359 test images", "failed: it ran out of memory", "61.7", "0.42", "MiB",
        "convatlas compare lenet5", "1,258 training · 180 validation · 359 test", "0.1.0", "2.15.0", "Platinum 8481C",
        "points behind", "Pareto front", "✓", "✗", "20 November 2026", "depths",
    ):  # fmt: skip
        assert needed in words, needed


def test_the_same_results_give_the_same_page():
    assert report.page(results(2), pixels()) == report.page(results(2), pixels())


def test_one_seed_has_no_spread():
    assert "±" not in read(results(2, seeds=1)).words
    assert "±" in read(results(2, seeds=2)).words


def test_without_a_test_set_the_page_says_so():
    words = read(without_test(results(2))).words
    assert "no test set" in words
    assert "Test accuracy" not in words


@pytest.mark.slow
def test_many_networks_fold_their_pictures_away():
    folded = [attributes for tag, attributes in read(VARIANTS["twelve"]).tags if tag == "details"]
    assert sum("open" in attributes for attributes in folded) == 1


def test_images_stand_once_in_the_page():
    text = report.page(results(3), pixels())
    assert text.count("data:image/png") == 24
    photographs = np.random.default_rng(0).integers(0, 256, (24, 300, 200, 3), dtype=np.uint8)
    assert len(report.page(results(1, 1), photographs)) < 3_000_000


def test_pages_without_images_or_with_color_or_two_channels():
    for shape in ((0, 8, 8, 1), (5, 9, 7, 3), (24, 8, 8, 2)):
        read(results(1, 1), np.zeros(shape, np.uint8))


def test_write_puts_a_whole_file(tmp_path):
    path = report.write(results(2), pixels(), tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

"""One language: American spelling and the field's terms in code, help and documents; README shows what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = {".py", ".md", ".j2", ".css", ".js"}
TEXTS = sorted(
    {path for place in ("src", "docs", "bench", "examples") for path in (ROOT / place).rglob("*") if path.suffix in WRITTEN}
    | set(ROOT.glob("*.md"))
)
PER = "line|row|sheet|picture|file|thread"
OF = "epoch|image|network|class|cluster|worker|photograph|variant|family|section"

INSTEAD = {
    r"(?:un|re)?learnt": "learned",
    r"(?:un|mis)?label(?:led|ling)": "labeled, labeling",
    r"grey\w*": "gray",
    r"colour\w*": "color",
    r"licence\w*": "license",
    r"neighbour\w*": "neighbor",
    r"behaviour\w*": "behavior",
    r"centre[ds]?": "center",
    r"catalogue\w*": "catalog",
    r"(?:normal|optim|initial|real|summar|general|recogn|quant|standard|random|visual)is(?:e|es|ed|ing|ation)": "-ize",
    rf"an? (?:{PER}) an? (?:{OF})": "one line per epoch",
    r"keep their word": "reliability diagram, calibration error",
    r"(?:starts?|started) (?:afresh|anew)": "re-initialized",
    r"said and left out": "reported and skipped",
    r"scores that are no numbers": "NaN or infinite outputs",
    r"doubtful hits": "least confident correct",
    r"(?:rooms?|house|stairs?) (?:of|is|that|may|knows?|imports?)": "package, project, layers",
}


@pytest.mark.parametrize(("wrong", "right"), INSTEAD.items())
def test_one_language(wrong, right):
    pattern = re.compile(rf"\b(?:{wrong})\b", re.IGNORECASE)
    places = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}, instead of: {right}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert not places, "\n".join(places)


def test_readme_shows_lines_of_resnet():
    [shown] = re.findall(r"^```py\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [" ".join(line.split()) for line in shown.splitlines() if line.strip()]
    rest = iter((ROOT / "src/convatlas/models/resnet.py").read_text(encoding="utf-8").splitlines())
    missing = [line for line in lines if not any(" ".join(one.split()) == line for one in rest)]
    assert not missing, "not in resnet.py, in this order"
    assert 20 <= len(lines) <= 30


def test_readme_names_each_package_once():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("src/convatlas/\n")[2].partition("```")[0]
    named = re.findall(r"^  (\w+)/ ", tree, re.MULTILINE)
    packages = sorted(path.parent.name for path in (ROOT / "src" / "convatlas").glob("*/__init__.py"))
    assert sorted(named) == packages


def test_lines_of_readme_fit_a_diff():
    """Tables excepted, whose lines cannot be broken."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) > 102 and not line.startswith("|")]

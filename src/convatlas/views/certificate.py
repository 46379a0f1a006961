"""The certificate as a page: what each network was compared with, and how every comparison came out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import write_text
from ..verify import Outcome, Verdict, summary
from .numbers import DASH, duration
from .page import date, processor, render

KINDS = {Outcome.EQUAL: "right", Outcome.CLOSE: "right", Outcome.DIFFERS: "wrong"}


def write(verdicts: Sequence[Verdict], origin: Mapping[str, Any], path: Path) -> Path:
    """Writes the certificate, whole or not at all; `origin` has command, created, seconds, environment."""
    write_text(path, page(verdicts, origin))
    return path


def page(verdicts: Sequence[Verdict], origin: Mapping[str, Any]) -> str:
    """The certificate as one self-contained HTML page; the same verdicts give the same page."""
    environment = origin["environment"]
    libraries = sorted({" ".join(v.reference.split()[:2]) for v in verdicts if any(c.name == "names" for c in v.checks)})
    return render(
        "certificate.html.j2",
        title="The certificate",
        kind="certificate",
        verb="verify",
        summary=summary(verdicts),
        facts=[
            ("Networks", f"{len(verdicts):,}"),
            ("References", " · ".join([*libraries, "the papers"])),
            ("Processor", processor(environment)),
            ("Took", duration(origin["seconds"])),
            ("Date", date(origin["created"])),
        ],
        verdicts=[(v, difference_text(v.difference), KINDS.get(v.outcome, "")) for v in verdicts],
        checks=lambda v: [(c, difference_text(c.difference), KINDS.get(c.outcome, "")) for c in v.checks],
        command=origin["command"],
        versions=[(key, str(value)) for key, value in environment.items()],
        dash=DASH,
    )


def difference_text(value: float | None) -> str:
    """A largest difference: 0, 6e-16, ∞ where there was nothing to subtract."""
    if value is None:
        return DASH
    return "∞" if value == float("inf") else f"{value:.0e}" if value else "0"

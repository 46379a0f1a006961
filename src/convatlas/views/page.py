"""Pages that hold everything they show and ask nothing of the network: one look, light and dark, for all of them."""

import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import style
from .numbers import DASH, finite

HERE = Path(__file__).parent


def render(template: str, *, extra: str = "", **values: Any) -> str:
    """A template of this folder that extends page.html.j2, which needs `title`, `kind`, `verb` and `facts` besides.

    Text is escaped, and no script runs but the page's own and the one that `extra` names.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = "\n".join((HERE / name).read_text(encoding="utf-8").strip() for name in ("page.js", extra) if name)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        script=script,
        light=[(name, pair[0]) for name, pair in style.INKS.items()],
        dark=[(name, pair[1]) for name, pair in style.INKS.items()],
        **values,
    )


def text(value: Any) -> str:
    """What is there, in letters."""
    return "" if value is None else str(value)


def processor(environment: Mapping[str, Any]) -> str:
    """The processor and its threads."""
    threads = finite(environment.get("threads"))
    counted = f"{threads:.0f} thread{'s' if threads != 1 else ''}" if threads is not None else ""
    return ", ".join(part for part in (text(environment.get("processor")), counted) if part) or DASH


def date(value: Any) -> str:
    """An ISO date as people write it: 20 November 2026, 12:00 UTC."""
    try:
        return datetime.fromisoformat(str(value)).strftime("%-d %B %Y, %H:%M %Z").replace("UTC+00:00", "UTC").strip()
    except ValueError:
        return text(value) or DASH

"""The pictures of `look` as they are written: a line each, on a terminal with the look that is under way below."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from .terminal import dump

if TYPE_CHECKING:
    from ..looks.album import Saved


def told(found: Iterable["Saved"], title: str, folder: Path, as_json: bool) -> None:
    """Says what was written and what it shows, then where the page is; or all of it as JSON."""
    out, seen = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False)
    rows = []
    if not as_json:
        out.print(title, markup=False)
    with seen.status("looking", spinner="dots") as status:
        for saved in found:
            rows.append(saved)
            status.update(saved.look)
            if not as_json:
                line = f"{saved.path}  {saved.caption}" if saved.path else f"{saved.look} left out: {saved.caption}"
                out.print(line, markup=False)
    page = folder / "index.html"
    if as_json:
        pictures = [{"look": saved.look, "path": saved.path and str(saved.path), "caption": saved.caption} for saved in rows]
        dump({"title": title, "pictures": pictures, "page": str(page)})
    else:
        out.print(f"page {page}", markup=False)

"""The pictures of `look` as they are written: one line each, on a terminal with the current look below."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ..errors import count_of
from .terminal import dump, telling_what_is_kept

if TYPE_CHECKING:
    from ..looks.write import Saved


def print_looks(pictures: Iterable["Saved"], title: str, folder: Path, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Prints what was written and what it shows, then where the page is; or all of it as JSON. Notes go to standard error."""
    out, errors = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False)
    for note in notes:
        errors.print(note, markup=False)
    rows: list[Saved] = []
    if not as_json:
        out.print(title, markup=False)
    kept = telling_what_is_kept(
        lambda: f"{count_of(sum(saved.path is not None for saved in rows), 'picture')} kept in {folder}"
    )
    with kept, errors.status("drawing", spinner="dots") as status:
        for saved in pictures:
            rows.append(saved)
            status.update(saved.look)
            if not as_json:
                line = f"{saved.path}  {saved.caption}" if saved.path else f"{saved.look} skipped: {saved.caption}"
                out.print(line, markup=False)
    page = folder / "index.html"
    if as_json:
        files = [{"look": saved.look, "path": saved.path and str(saved.path), "caption": saved.caption} for saved in rows]
        dump({"title": title, "pictures": files, "page": str(page)})
    else:
        out.print(f"page {page}", markup=False)

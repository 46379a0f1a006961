"""An index as a Parquet table, for data frames and databases: path, label, class, vector, and its maker in the metadata."""

import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import replace_file
from .extract import NOTHING
from .index import FORMAT, Index, Part, index_from_parts

KEY = b"convatlas"


def check_installed() -> None:
    """Raises InputError where pyarrow is missing."""
    if find_spec("pyarrow") is None:
        raise InputError("a .parquet file needs the package pyarrow: pip install 'convatlas[parquet]', or write an .npz")


def save(path: Path, parts: Iterable[Part], images: Index) -> None:
    """Writes one row group per batch.

    Raises   InputError if there is no vector
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    about = {"format": FORMAT, "classes": images.classes, "root": images.root, "maker": images.maker.to_json()}
    names = np.array([*images.classes, None], dtype=object)  # −1, the last, is no class
    writer: Any = None
    with replace_file(path) as temporary:
        try:
            for vectors, places in parts:
                width = vectors.shape[1]
                if writer is None:
                    fields = [("path", pa.string()), ("label", pa.int64()), ("class", pa.string())]
                    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), width))], {KEY: json.dumps(about)})
                    writer = ParquetWriter(temporary, schema)
                labels = images.labels[places]
                rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), width)
                classes = pa.array(names[labels].tolist(), pa.string())
                columns = [pa.array(images.paths[places].tolist()), pa.array(labels), classes, rows]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise InputError(NOTHING)


def load(path: Path) -> Index:
    """The index in such a table, in memory.

    Raises   KeyError, TypeError or ValueError if it is another table
    """
    from pyarrow.parquet import read_table

    table = read_table(path, memory_map=False, use_threads=False)
    about = json.loads((table.schema.metadata or {})[KEY])
    column = table["vector"].combine_chunks()
    width = column.type.list_size
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width).astype(np.float32, copy=False)
    return index_from_parts(
        vectors, table["label"].to_numpy().astype(np.int64), np.array(table["path"].to_pylist(), np.str_), about
    )

"""What a file is, told by its first bytes and not by its name: weights, or what people take for weights."""

import re
import zipfile
from pathlib import Path, PurePosixPath

from ..errors import InputError, first_line, join_names

STORED = ("model.safetensors", "pytorch_model.bin")  # the file of weights in a run folder, and in one from a hub
MARK = "#"  # between a file and the entry of it that is meant: checkpoint.pth#model_ema
HEAD = 1024  # bytes that are looked at
LONGEST_HEADER = 100_000_000  # bytes of JSON that safetensors allows
NEEDED = "weights need a file of torch.save or of safetensors"
AGAIN = "fetch it again"
CONVERT = f"convert it to PyTorch first; {NEEDED}"
UNPACK = f"unpack it first; {NEEDED}"
SAVE = "save the state dict in the program that made it, as torch.save(model.state_dict(), 'weights.pth')"

# Pattern of the first bytes, what the file is, and the remedy.
SIGNS = (
    (rb"version https://git-lfs", "is a Git LFS pointer, which only names the file", f"{AGAIN} with `git lfs pull`"),
    (
        rb"\s*<(!doctype html|html|head|body|script)\b",
        "is a web page, not weights",
        f"{AGAIN} from the download's own address",
    ),
    (rb"\s*<[?\w]", "is XML, not weights", NEEDED),
    (rb"\s*[{\[]", "is JSON, not weights", NEEDED),
    (rb"\x89HDF\r\n", "is an HDF5 file, as Keras writes it", CONVERT),
    (rb"\x08[\x01-\x1f]\x12", "is an ONNX file", SAVE),
    (rb".{4}TFL3", "is a TensorFlow Lite file", CONVERT),
    (rb".{4}ET\d\d", "is an ExecuTorch program", SAVE),
    (rb"GGUF", "is a GGUF file", CONVERT),
    (rb"MATLAB 5\.0", "is a MATLAB file", CONVERT),
    (rb"\x93NUMPY", "is a NumPy array", CONVERT),
    (rb"\x1f\x8b", "is compressed with gzip", UNPACK),
    (rb"BZh[1-9]", "is compressed with bzip2", UNPACK),
    (rb"\xfd7zXZ\0", "is compressed with xz", UNPACK),
    (rb"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c|Rar!", "is a packed archive", UNPACK),
    (rb".{257}ustar", "is a tar archive", UNPACK),
    (rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF.{4}WEBP", "is a picture", NEEDED),
    (rb"%PDF", "is a PDF", NEEDED),
)
# A name of a zip archive's members, what such an archive is, and the remedy.
ARCHIVES = (
    (r"(constants|bytecode)\.pkl", "is a TorchScript archive, which holds a program", SAVE),
    (r"archive_format|serialized_exported_program\.json", "is an exported program of torch.export", SAVE),
    (r"model\.weights\.h5", "is an archive of Keras", CONVERT),
    (r".*\.npy", "is an archive of NumPy arrays (.npz)", CONVERT),
)


def split_entry(source: str | Path) -> tuple[Path, str]:
    """The file that a source names, and the entry of it that is meant: "checkpoint.pth#model_ema"; empty for all of it."""
    file, mark, entry = str(source).rpartition(MARK)
    return (Path(file), entry) if mark and file and not Path(source).exists() else (Path(source), "")


def weight_format(path: Path) -> str:
    """Whether a file is one of "safetensors" or of "torch".

    Raises   InputError that says what else it is, or that it is empty, cut short or cannot be opened
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from None
    if not head:
        raise InputError(f"{path} is empty, or was cut short: {AGAIN}")
    if head[8:9] == b"{" and (header := int.from_bytes(head[:8], "little")) <= LONGEST_HEADER:
        if header > size - 8:
            raise cut_short(path, f"its header has {header:,} bytes, the file {size:,}")
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        check_archive(path)
        return "torch"
    if head.startswith(b"\x80"):  # a pickle: torch.load tells its own older files from others
        return "torch"
    for pattern, words, remedy in SIGNS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            raise InputError(f"{path} {words}: {remedy}")
    if re.fullmatch(r"[^\0-\x08\x0e-\x1f\x7f\ufffd]+", head[:-3].decode("utf-8", errors="replace")):
        raise InputError(f"{path} is text, not weights: {NEEDED}")
    raise InputError(f"{path} is of an unknown kind, or was cut short or damaged: {NEEDED}")


def check_archive(path: Path) -> None:
    """Raises InputError for a zip archive that torch.save did not write, or one that is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except Exception as error:  # zipfile raises many kinds for damaged archives
        raise cut_short(path, first_line(error)) from error
    names = [PurePosixPath(member).name for member in members]
    for pattern, words, remedy in ARCHIVES:
        if any(re.fullmatch(pattern, name) for name in names):
            raise InputError(f"{path} {words}: {remedy}")
    if "data.pkl" not in names:
        raise InputError(f"{path} is a zip archive of {join_names(members, 3) or 'nothing'}: {UNPACK}")


def cut_short(path: Path, reason: str) -> InputError:
    """The error for a file that cannot be read to its end."""
    return InputError(f"{path} cannot be read ({reason}): it is damaged, or was cut short; fetch or save it again")

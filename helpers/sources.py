"""Where the data sets come from: published files, their checksums, fetching."""

from __future__ import annotations

import concurrent.futures
import gzip
import hashlib
import html
import io
import os
import tarfile
import tempfile
import threading
import time
import urllib.request
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PureWindowsPath
from urllib.error import HTTPError

from PIL import Image
from platformdirs import user_cache_dir
from tqdm import tqdm

from helpers.files import write_whole

__all__ = ["CIFAR10", "FACE_MASKS", "MNIST", "DataError", "folder_of", "obtain"]

TIMEOUT = 10.0  # seconds for a connection to answer, and for each chunk to arrive
PAUSES = (0.5, 2.0)  # seconds before the second and before the third attempt
CHUNK = 2**16  # bytes
MASK_CLASSES = ("with_mask", "without_mask")

_failed: dict[str, str] = {}  # set: why its download failed in this process


class DataError(RuntimeError):
    """A data set is missing, incomplete or not the original."""


@dataclass(frozen=True)
class _Origin:
    """A set as published; `folder` is below `BOOK_DATA` and below the cache."""

    name: str
    folder: str
    limit: int  # bytes of a download, and of what it unpacks to
    inside: str  # folder in the archive, if the download is one
    urls: tuple[str, ...]

    def read(self, folder: Path) -> dict[str, bytes]:
        contents = {}
        for name, path in self.files(folder).items():
            content, packed = path.read_bytes(), path.suffix == ".gz"
            contents[name] = _gunzip(content, self.limit) if packed else content
        return contents


@dataclass(frozen=True)
class _KnownFiles(_Origin):
    """Files of known names and contents, unpacked or `.gz`."""

    sums: dict[str, str]  # the SHA-256 of each file

    def files(self, folder: Path) -> dict[str, Path]:
        places = ((n, folder / f"{n}{end}") for n in self.sums for end in (".gz", ""))
        return {name: path for name, path in places if path.is_file()}

    def verify(self, files: dict[str, bytes], own: bool = False) -> dict[str, bytes]:
        if missing := [name for name in self.sums if name not in files]:
            verb = "is" if len(missing) == 1 else "are"
            raise DataError(f"{', '.join(missing)} {verb} missing")
        for name, known in self.sums.items():
            if (found := _sha256(files[name])) != known:
                begin = f"begins with {found[:12]}, not with {known[:12]}"
                raise DataError(f"{name} is not the original: its SHA-256 {begin}")
        return {name: files[name] for name in self.sums}

    @property
    def fingerprint(self) -> str:
        return _sha256("".join(f"{s}  {n}\n" for n, s in self.sums.items()).encode())


@dataclass(frozen=True)
class _Photographs(_Origin):
    """Image files of any name, in one folder for each class."""

    checksum: str  # SHA-256 over the sorted git blob ids, one to a line

    def files(self, folder: Path) -> dict[str, Path]:
        paths = (path for name in MASK_CLASSES for path in folder.glob(f"{name}/*"))
        names = (p.relative_to(folder).as_posix() for p in paths if p.is_file())
        return {name: folder / name for name in _photographs(names)}

    def verify(self, files: dict[str, bytes], own: bool = False) -> dict[str, bytes]:
        files = {name: files[name] for name in _photographs(files)}
        for name in MASK_CLASSES:
            if not any(file.startswith(f"{name}/") for file in files):
                raise DataError(f"{name}/ is missing or has no photographs")
        ids = blob_ids(files)
        if not own and self.checksum not in (_sha256(ids), _sha256(ids.rstrip())):
            raise DataError(f"these {len(files)} files are not the published ones")
        return files


def blob_ids(files: dict[str, bytes]) -> bytes:
    """The sorted ids that git gives to the contents, one to a line."""
    blobs = (b"blob %d\0%b" % (len(content), content) for content in files.values())
    ids = sorted(hashlib.sha1(b, usedforsecurity=False).hexdigest() for b in blobs)
    return "".join(f"{i}\n" for i in ids).encode()


def _photographs(names) -> list[str]:
    kinds = Image.registered_extensions().items()
    suffixes = {s for s, kind in kinds if Image.MIME.get(kind, "").startswith("image/")}
    paths = (Path(n) for n in sorted(names) if not Path(n).name.startswith("."))
    return [path.as_posix() for path in paths if path.suffix.lower() in suffixes]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sums(folder: str) -> dict[str, str]:
    lines = Path(__file__).with_suffix(".sha256").read_text("utf-8").splitlines()
    paths = {Path(path): sum for sum, path in map(str.split, lines)}
    return {path.name: sum for path, sum in paths.items() if path.parts[0] == folder}


_CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_BATCHES = "cifar-10-batches-py"
CIFAR10 = _KnownFiles(
    "CIFAR-10", _BATCHES, 200_000_000, _BATCHES, (_CIFAR10_URL,), _sums(_BATCHES)
)
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST_URLS = tuple(f"{_MNIST_URL}{name}.gz" for name in _sums("MNIST"))
MNIST = _KnownFiles("MNIST", "MNIST/raw", 50_000_000, "", _MNIST_URLS, _sums("MNIST"))
_COMMIT = "7e500749401bad4bb338790fbdb89b58e41ef2d9"
FACE_MASKS = _Photographs(
    "face masks",
    "face-mask",
    2_000_000_000,
    f"Face-Mask-Detection-{_COMMIT}/dataset",
    (f"https://github.com/chandrikadeb7/Face-Mask-Detection/archive/{_COMMIT}.tar.gz",),
    "7cb6596890314281833e9b08f0af4d14807b81b9d7682948e71219ddc76973ae",
)


def folder_of(source: str) -> Path:
    """The folder that `BOOK_DATA` names, or the cache for any other `source`."""
    variable = "BOOK_DATA" if source == "BOOK_DATA" else "BOOK_CACHE"
    if folder := os.environ.get(variable):
        return Path(folder).expanduser().absolute()
    return Path(user_cache_dir("deep-learning-solutions", False, opinion=False))


def state() -> str:
    """A hash that changes if a loader would find other files, also behind a link."""
    found = []
    for origin in (CIFAR10, MNIST, FACE_MASKS):
        folder = (_own_folder(origin) or folder_of("cache")) / origin.folder
        files = {n: path.stat() for n, path in origin.files(folder).items()}
        found.append([str(folder), bool(files) or _is_offline()])
        found += [[n, info.st_size, info.st_mtime_ns] for n, info in files.items()]
    return _sha256(repr(found).encode())


def _own_folder(origin: _Origin) -> Path | None:
    if not os.environ.get("BOOK_DATA"):
        return None
    folder = folder_of("BOOK_DATA")
    held = os.path.lexists(folder / Path(origin.folder).parts[0])  # a dead link too
    return folder if held or not folder.is_dir() else None


def _is_offline() -> bool:
    return os.environ.get("BOOK_OFFLINE", "0") not in ("", "0")


def obtain(origin: _KnownFiles | _Photographs) -> tuple[dict[str, bytes], str]:
    """The files of a set, verified, and their `source`: "stand-in" if there are none.

    What the reader may not expect is said aloud. Raises `DataError` if `BOOK_DATA` has
    the set and it is wrong.
    """
    folder = folder_of("BOOK_DATA") / origin.folder
    if own := _own_folder(origin):
        try:
            if not own.is_dir():
                raise DataError(f"there is no folder {own}")
            return origin.verify(origin.read(folder), own=True), "BOOK_DATA"
        except (DataError, OSError) as error:
            raise DataError(
                f"BOOK_DATA is set, but {origin.name} cannot be read from {folder}: "
                f"{error}. Put the original files there, or unset BOOK_DATA to use "
                "the cache or a download."
            ) from error
    absent = f"BOOK_DATA has no folder {folder}" if os.environ.get("BOOK_DATA") else ""
    try:
        files, source = _from_cache_or_network(origin)
    except DataError as reason:
        reasons = f"{absent}, and {reason}" if absent else reason
        _say(
            f"Not {origin.name}, but a stand-in made of the digits that scikit-learn "
            f"ships: {reasons}. Set BOOK_DATA to a folder with {origin.folder}/ to "
            "use the real data.",
            "stand-in",
        )
        return {}, "stand-in"
    if absent:
        _say(f"{absent}: {origin.name} from the {source}.", "note")
    return files, source


def _say(text: str, kind: str) -> None:
    from IPython import display, get_ipython  # slow to import, and seldom needed

    if getattr(get_ipython(), "kernel", None) is None:
        warnings.warn(text, stacklevel=4)
    else:
        markup = f'<p class="{kind}" role="note">{html.escape(text)}</p>'
        display.display({"text/plain": text, "text/html": markup}, raw=True)


def _from_cache_or_network(origin) -> tuple[dict[str, bytes], str]:
    folder = folder_of("cache") / origin.folder
    with suppress(DataError, OSError):  # absent or damaged: fetched anew
        return origin.verify(origin.read(folder)), "cache"
    if _is_offline():
        raise DataError("there is no good copy in the cache and BOOK_OFFLINE is set")
    if origin.name not in _failed:
        try:
            return _download(origin, folder), "download"
        except DataError as error:
            _failed[origin.name] = str(error)
        except OSError as error:
            _failed[origin.name] = (
                f"{error.filename2 or folder} cannot be written ({error.strerror}); "
                "mend that, or name another folder for the cache in BOOK_CACHE"
            )
    raise DataError(f"the download failed: {_failed[origin.name]}")


def _download(origin, folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()  # fails before, not after the download
    files, inside = {}, origin.inside
    for url in origin.urls:
        content = _gunzip(_fetch(url, origin.limit), origin.limit)
        files |= _untar(content, inside) if inside else {Path(url).stem: content}
    files = origin.verify(files)
    for name, content in files.items():
        write_whole(folder / name, content)
    return files


def _fetch(url: str, limit: int) -> bytes:
    for pause in (*PAUSES, None):
        try:
            return _receive(url, limit)
        except (OSError, HTTPException, ValueError) as error:
            refused = isinstance(error, HTTPError) and error.code < 500
            if refused or pause is None:  # one that refuses is not asked again
                raise DataError(f"{url}: {error}") from error
            time.sleep(pause)


def _receive(url: str, limit: int) -> bytes:
    try:
        response = _within(TIMEOUT, urllib.request.urlopen, url, None, 2 * TIMEOUT)
    except TimeoutError:
        raise DataError(f"{url}: no answer within {TIMEOUT:g} s") from None
    size = int(response.headers["Content-Length"] or 0)
    received, of = bytearray(), {"total": size or None, "unit": "B", "unit_scale": True}
    with tqdm(desc=Path(url).name, leave=False, **of) as bar:
        while chunk := _within(TIMEOUT, response.read, CHUNK):
            received += chunk
            bar.update(len(chunk))
            if len(received) > limit:
                raise DataError(f"{url}: more than the expected {limit:,} bytes")
    if size and len(received) != size:
        raise ConnectionError(f"broke off after {len(received):,} of {size:,} bytes")
    return bytes(received)


def _within(seconds: float, call: Callable, *args):
    # a socket's own time-out knows neither the look-up of a name nor a slow trickle
    future = concurrent.futures.Future()

    def work():
        try:
            future.set_result(call(*args))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()  # nobody waits for it at exit
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError:  # which is another before Python 3.11
        raise TimeoutError(f"no data within {seconds:g} s") from None


def _gunzip(content: bytes, limit: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"it cannot be unpacked: {error}") from error
    if len(unpacked) > limit:
        raise DataError(f"it unpacks to more than the expected {limit:,} bytes")
    return unpacked


def _untar(content: bytes, inside: str) -> dict[str, bytes]:
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                path = PureWindowsPath(member.name)  # knows / and \\ and drives
                if path.anchor or ".." in path.parts:
                    raise DataError(f"archive: {member.name!r} leads out of its folder")
                if not path.is_relative_to(inside) or member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise DataError(f"archive: {member.name!r} is not a plain file")
                name = path.relative_to(inside).as_posix()
                files[name] = archive.extractfile(member).read()
    except tarfile.TarError as error:
        raise DataError(f"the archive cannot be read: {error}") from error
    return files

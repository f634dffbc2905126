"""Data sets, checked on every load, and a stand-in where none can be had.

Each loader looks in this order and says in `source` where it found the set:

===============  ====================================================================
`"BOOK_DATA"`    the folder that this environment variable names, laid out as by
                 torchvision (`cifar-10-batches-py/`, `MNIST/raw/`), the photographs in
                 `face-mask/with_mask/` and `face-mask/without_mask/`; if it is set
                 but wrong, that is an error
`"cache"`        `deep-learning-solutions` in the user's cache folder, or the folder in
                 `BOOK_CACHE`; laid out in the same way
`"download"`     the public address, kept in the cache; not tried if `BOOK_OFFLINE=1`
`"stand-in"`     digits that scikit-learn ships, in the same shapes, with a notice
===============  ====================================================================

No file of the published sets is used unless its content has the known SHA-256. An
archive is refused if it reaches out of its folder.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import os
import pickle
import queue
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path, PureWindowsPath
from urllib.error import HTTPError

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

TIMEOUT = 10.0  # seconds for a connection to answer, and for each chunk to arrive
PAUSES = (0.5, 2.0)  # seconds before the second and before the third attempt
CHUNK = 2**16  # bytes

_failed: dict[str, str] = {}  # set: why its download failed in this process


class DataError(RuntimeError):
    """A data set is missing, incomplete or not the original."""


@dataclass(frozen=True, eq=False)
class _Described:
    name: str
    classes: tuple[str, ...]
    source: str
    sha256: str  # identifies the content

    @property
    def is_real(self) -> bool:
        """Whether these are the real data and not the stand-in."""
        return self.source != "stand-in"


@dataclass(frozen=True, eq=False)
class Dataset(_Described):
    """Images uint8, (N, H, W, C) or (N, H, W), and labels int64 (N,), in two parts.

    Pixels are 0 to 255; a label is an index into `classes`. `source` is one of the
    above, `sha256` identifies the content.
    """

    train_images: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Photographs(_Described):
    """Photographs of differing sizes, read when asked for, with labels int64 (N,).

    `photographs[i]` is an image uint8 (H, W, 3). `items` holds the paths of the files;
    in the stand-in, which has no files, the images. The rest is as in `Dataset`.
    """

    labels: np.ndarray = field(repr=False)
    items: tuple[Path | np.ndarray, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        item = self.items[index]
        if isinstance(item, np.ndarray):
            return item
        with Image.open(item) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def load_cifar10() -> Dataset:
    """CIFAR-10: 50,000 and 10,000 images (32, 32, 3) of ten kinds of things.

    The stand-in has 8,000 and 2,000 coloured digits, and the digits as its classes.
    Its images i and i + 1,437 (in the test part i + 360) are the same digit, shifted
    and coloured otherwise; no digit is in both parts.
    Raises `DataError` if `BOOK_DATA` is set but lacks the set. Source: A. Krizhevsky,
    Learning multiple layers of features from tiny images, 2009.
    """
    try:
        files, source = _obtain(CIFAR10)
    except _Unavailable as reason:
        return _digits_instead(CIFAR10, reason, side=32, colour=True)
    batches = [
        _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        for content in files.values()
    ]
    images = np.concatenate([batch[b"data"] for batch in batches])
    colours = images.reshape(-1, 3, 32, 32).transpose(1, 0, 2, 3)
    images = np.stack(list(colours), axis=-1)  # a third of the time of one copy
    labels = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.int64)
    n = len(labels) - len(batches[-1][b"labels"])
    return Dataset(
        CIFAR10.name,
        CIFAR10_CLASSES,
        source,
        CIFAR10.fingerprint,
        images[:n],
        labels[:n],
        images[n:],
        labels[n:],
    )


def load_mnist() -> Dataset:
    """MNIST: 60,000 and 10,000 handwritten digits (28, 28).

    The stand-in has 8,000 and 2,000. Its images i and i + 1,437 (in the test part
    i + 360) are the same digit, shifted; no digit is in both parts.
    Raises `DataError` if `BOOK_DATA` is set but lacks the set. Source: Y. LeCun,
    C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998.
    """
    try:
        files, source = _obtain(MNIST)
    except _Unavailable as reason:
        return _digits_instead(MNIST, reason, side=28, colour=False)
    arrays = [_read_idx(content) for content in files.values()]
    arrays[1::2] = [labels.astype(np.int64) for labels in arrays[1::2]]
    return Dataset(MNIST.name, DIGITS, source, MNIST.fingerprint, *arrays)


def load_face_masks() -> Photographs:
    """Photographs of faces; label 0: with a mask, 1: without.

    There is no fixed split, and near copies are to be expected. `BOOK_DATA` may hold
    any such photographs: `sha256`, over the sorted git blob ids of the files, tells
    which. The stand-in has 1,797 digits, every other one behind a pale band.
    Raises `DataError` if `BOOK_DATA` is set but lacks the set. Source of the download:
    the repository `chandrikadeb7/Face-Mask-Detection` on GitHub.
    """
    try:
        files, source = _obtain(FACE_MASKS)
    except _Unavailable as reason:
        return _masked_digits_instead(FACE_MASKS, reason)
    suffixes = Image.registered_extensions()
    names = [n for n in sorted(files) if Path(n).suffix.lower() in suffixes]
    labels = [MASK_CLASSES.index(Path(name).parts[0]) for name in names]
    folder = folder_of(source) / FACE_MASKS.folder
    return Photographs(
        FACE_MASKS.name,
        MASK_CLASSES,
        source,
        _sha256(_blob_ids(files)),
        np.array(labels, np.int64),
        tuple(folder / name for name in names),
    )


# Where the sets come from


@dataclass(frozen=True)
class _Origin:
    """A set as published; `folder` is below `BOOK_DATA` and below the cache."""

    name: str
    folder: str
    urls: tuple[str, ...]
    inside: str  # folder in the archive, if the download is one
    limit: int  # bytes of a download, and of what it unpacks to


@dataclass(frozen=True)
class _KnownFiles(_Origin):
    """Files of known names and contents, unpacked or `.gz`."""

    sums: dict[str, str]  # file: SHA-256

    @property
    def fingerprint(self) -> str:
        return _sha256("".join(f"{v}  {k}\n" for k, v in self.sums.items()).encode())

    def read(self, folder: Path) -> dict[str, bytes]:
        files, missing = {}, []
        for name in self.sums:
            plain, packed = folder / name, folder / f"{name}.gz"
            if plain.is_file():
                files[name] = plain.read_bytes()
            elif packed.is_file():
                files[name] = _gunzip(packed.read_bytes(), self.limit)
            else:
                missing.append(name)
        if missing:
            raise DataError(f"{folder} lacks {', '.join(missing)}")
        return files

    def verify(self, files: dict[str, bytes], own: bool = False) -> dict[str, bytes]:
        """The files of the set, in order, each of them the original."""
        for name, expected in self.sums.items():
            if name not in files:
                raise DataError(f"{name} is missing")
            if (found := _sha256(files[name])) != expected:
                raise DataError(
                    f"{name} is not the original: its SHA-256 begins with "
                    f"{found[:12]}, not with {expected[:12]}"
                )
        return {name: files[name] for name in self.sums}


@dataclass(frozen=True)
class _Photographs(_Origin):
    """Image files of any name, in one folder for each class."""

    checksum: str  # SHA-256 over the sorted git blob ids, one to a line

    def read(self, folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for name in MASK_CLASSES
            for path in sorted(folder.glob(f"{name}/*"))
            if path.is_file() and path.suffix != ".part"
        }

    def verify(self, files: dict[str, bytes], own: bool = False) -> dict[str, bytes]:
        """The files: the reader's `own` may be any photographs of both classes."""
        for name in MASK_CLASSES:
            if not any(file.startswith(f"{name}/") for file in files):
                raise DataError(f"{name}/ is missing or empty")
        ids = _blob_ids(files)
        if not own and self.checksum not in (_sha256(ids), _sha256(ids.rstrip())):
            raise DataError(f"these {len(files)} files are not the published ones")
        return files


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob_ids(files: dict[str, bytes]) -> bytes:
    blobs = (b"blob %d\0%b" % (len(content), content) for content in files.values())
    ids = sorted(hashlib.sha1(b, usedforsecurity=False).hexdigest() for b in blobs)
    return "".join(f"{i}\n" for i in ids).encode()


DIGITS = tuple("0123456789")
CIFAR10_CLASSES = tuple(
    "airplane automobile bird cat deer dog frog horse ship truck".split()
)
MASK_CLASSES = ("with_mask", "without_mask")

CIFAR10 = _KnownFiles(
    "CIFAR-10",
    "cifar-10-batches-py",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
    "cifar-10-batches-py",
    200_000_000,
    {
        "data_batch_1": (
            "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd"
        ),
        "data_batch_2": (
            "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8"
        ),
        "data_batch_3": (
            "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9"
        ),
        "data_batch_4": (
            "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b"
        ),
        "data_batch_5": (
            "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154"
        ),
        "test_batch": (
            "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831"
        ),
    },
)
MNIST = _KnownFiles(
    "MNIST",
    "MNIST/raw",
    tuple(
        f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}-ubyte.gz"
        for name in (
            "train-images-idx3",
            "train-labels-idx1",
            "t10k-images-idx3",
            "t10k-labels-idx1",
        )
    ),
    "",
    50_000_000,
    {
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
)
_COMMIT = "7e500749401bad4bb338790fbdb89b58e41ef2d9"
FACE_MASKS = _Photographs(
    "face masks",
    "face-mask",
    (f"https://github.com/chandrikadeb7/Face-Mask-Detection/archive/{_COMMIT}.tar.gz",),
    f"Face-Mask-Detection-{_COMMIT}/dataset",
    2_000_000_000,
    "7cb6596890314281833e9b08f0af4d14807b81b9d7682948e71219ddc76973ae",
)


class _Unavailable(Exception):
    """Why the real data cannot be had."""


def folder_of(source: str) -> Path:
    """The folder that `BOOK_DATA` names, or the cache for any other `source`."""
    if source == "BOOK_DATA":
        return Path(os.environ["BOOK_DATA"]).expanduser().absolute()
    if folder := os.environ.get("BOOK_CACHE"):
        return Path(folder).expanduser().absolute()
    if os.name == "nt":
        default, variable = Path.home() / "AppData" / "Local", "LOCALAPPDATA"
    else:
        default, variable = Path.home() / ".cache", "XDG_CACHE_HOME"
    return Path(os.environ.get(variable) or default) / "deep-learning-solutions"


def _obtain(origin: _KnownFiles | _Photographs) -> tuple[dict[str, bytes], str]:
    """The files of a set, verified, and the `source` where they were found."""
    if os.environ.get("BOOK_DATA"):
        folder = folder_of("BOOK_DATA") / origin.folder
        try:
            return origin.verify(origin.read(folder), own=True), "BOOK_DATA"
        except (DataError, OSError) as error:
            raise DataError(
                f"BOOK_DATA is set, but {origin.name} cannot be read from {folder}: "
                f"{error}. Put the original files there, or unset BOOK_DATA to use "
                "the cache or a download."
            ) from error
    folder = folder_of("cache") / origin.folder
    try:
        return origin.verify(origin.read(folder)), "cache"
    except (DataError, OSError):
        pass  # absent or damaged: fetched anew
    if os.environ.get("BOOK_OFFLINE", "0") not in ("", "0"):
        raise _Unavailable("there is no good copy in the cache and BOOK_OFFLINE is set")
    if origin.name not in _failed:
        try:
            return _download(origin, folder), "download"
        except (DataError, OSError) as error:
            _failed[origin.name] = str(error)
    raise _Unavailable(f"the download failed: {_failed[origin.name]}")


def _download(origin, folder: Path) -> dict[str, bytes]:
    with _explained(folder):  # before, not after the download
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    files = {}
    for url in origin.urls:
        content = _gunzip(_fetch(url, origin.limit), origin.limit)
        if origin.inside:
            files |= _untar(content, origin.inside)
        else:
            files[Path(url).stem] = content
    files = origin.verify(files)
    with _explained(folder):
        for name, content in files.items():
            _write(folder / name, content)
    return files


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename2 or folder} cannot be written ({error.strerror}); mend "
            "that, or name another folder for the cache in BOOK_CACHE"
        ) from error


def _write(path: Path, content: bytes) -> None:
    """Write to a temporary name and rename, so that no half-written file is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# Downloads and archives


def _fetch(url: str, limit: int) -> bytes:
    """What lies at `url`, at most `limit` bytes, in three attempts; or `DataError`.

    An address that does not answer, or refuses, is not asked again.
    """
    for pause in (*PAUSES, None):
        try:
            return _receive(url, limit)
        except (OSError, HTTPException, ValueError) as error:
            refused = isinstance(error, HTTPError) and error.code < 500
            if refused or pause is None:
                raise DataError(f"{url}: {error}") from error
            time.sleep(pause)


def _receive(url: str, limit: int) -> bytes:
    try:
        response = _within(TIMEOUT, urllib.request.urlopen, url, None, TIMEOUT)
    except OSError as error:
        if isinstance(getattr(error, "reason", error), TimeoutError):
            raise DataError(f"{url}: no answer within {TIMEOUT:g} s") from error
        raise
    size = int(response.headers["Content-Length"] or 0)
    chunks = []
    with tqdm(total=size or None, unit="B", unit_scale=True, leave=False) as bar:
        bar.set_description(url.rpartition("/")[2])
        while chunk := _within(TIMEOUT, response.read, CHUNK):
            chunks.append(chunk)
            bar.update(len(chunk))
            if bar.n > limit:
                raise DataError(f"{url}: more than the expected {limit:,} bytes")
    if size and bar.n != size:
        raise ConnectionError(f"broke off after {bar.n:,} of {size:,} bytes")
    return b"".join(chunks)


def _within(seconds: float, call: Callable, *args):
    """`call(*args)`, or `TimeoutError` if that takes longer, whatever it waits for.

    A socket's own time-out knows neither the look-up of a name nor a slow trickle.
    """
    results = queue.SimpleQueue()

    def work():
        try:
            results.put((call(*args), None))
        except Exception as error:
            results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        value, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no data within {seconds:g} s") from None
    if error is not None:
        raise error
    return value


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
    """The files in the folder `inside` of an archive; only plain ones may be there."""
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


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and plain values, nothing that could run."""

    known = {
        "_reconstruct": np.empty(0).__reduce__()[0],
        "ndarray": np.ndarray,
        "dtype": np.dtype,
    }

    def find_class(self, module: str, name: str):
        """One of the three names that an array needs."""
        if module.partition(".")[0] == "numpy" and name in self.known:
            return self.known[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of an array")


def _read_idx(content: bytes) -> np.ndarray:
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return values.reshape(shape).copy()


# Stand-ins

TRAINING_DIGITS = 1437  # of 1,797; the rest make the test part
SIZES = (8000, 2000)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (1797, 8, 8) and labels int64 (1797,)."""
    from sklearn.datasets import load_digits  # slow to import, and seldom needed

    values, labels = load_digits(return_X_y=True)
    images = values.reshape(-1, 8, 8).astype(int) * 255 // 16
    return images.astype(np.uint8), labels.astype(np.int64)


def _digits_instead(origin, reason, side: int, colour: bool) -> Dataset:
    _notice(origin, reason)
    images, labels = _digits()
    arrays = []
    for n, part in zip(
        SIZES, (slice(TRAINING_DIGITS), slice(TRAINING_DIGITS, None)), strict=True
    ):
        placed = _place(images[part], n, side)
        arrays.append(_paint(placed, np.arange(n)) if colour else placed)
        arrays.append(np.resize(labels[part], n))
    checksum = _sha256(b"".join(array.tobytes() for array in arrays))
    return Dataset(origin.name, DIGITS, "stand-in", checksum, *arrays)


def _place(images: np.ndarray, n: int, side: int) -> np.ndarray:
    """The images in turn until there are `n`, thrice as large, each time elsewhere."""
    large = images.repeat(3, axis=1).repeat(3, axis=2)
    size = large.shape[1]
    room = side - size + 1
    turn, which = np.divmod(np.arange(n), len(images))
    place = (7 * which + 11 * turn) % room**2
    canvas = np.zeros((n, side, side), np.uint8)
    for k in range(room**2):
        top, left = divmod(k, room)
        here = place == k
        canvas[here, top : top + size, left : left + size] = large[which[here]]
    return canvas


def _paint(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Grey images (N, H, W) as light ink on dark paper, in the colours of `index`."""
    # 97 is prime, so that the colours do not follow the digits, which recur by tens
    paper = np.outer(index, (71, 29, 53)) % 97
    ink = 255 - np.outer(index, (37, 59, 83)) % 97
    paper, ink = paper[:, None, None].astype(np.int32), ink[:, None, None]
    return (paper + (ink - paper) * images[..., None] // 255).astype(np.uint8)


def _masked_digits_instead(origin, reason) -> Photographs:
    _notice(origin, reason)
    items = []
    for i, image in enumerate(_digits()[0]):
        scale = 6 + i % 5
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        picture = _paint(large[None], np.array([i]))[0]
        if i % 2 == 0:
            picture[4 * scale : 7 * scale] = (200, 220, 235)
        items.append(picture)
    labels = np.arange(len(items), dtype=np.int64) % 2
    checksum = _sha256(b"".join(item.tobytes() for item in items))
    return Photographs(
        origin.name, MASK_CLASSES, "stand-in", checksum, labels, tuple(items)
    )


def _notice(origin, reason) -> None:
    """Say on the page, or elsewhere as a warning, that this is the stand-in."""
    text = (
        f"Not {origin.name}, but a stand-in made of the digits that scikit-learn "
        f"ships: {reason}. Set BOOK_DATA to a folder with {origin.folder}/ to use "
        "the real data."
    )
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        warnings.warn(text, stacklevel=4)
        return
    from IPython.display import display

    markup = f'<p class="stand-in" role="note">{html.escape(text)}</p>'
    display({"text/plain": text, "text/html": markup}, raw=True)

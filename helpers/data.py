"""Data sets, checked on every load, and a stand-in where none can be had.

Each loader says in `source` where it found the set: in `"BOOK_DATA"`, the folder that
the README describes (a set that is there but wrong is an error); in the `"cache"`; by
`"download"` into it, unless `BOOK_OFFLINE=1`; or nowhere: then it is the `"stand-in"`,
digits that scikit-learn ships, in the same shapes, with a notice.
No file of the published sets is used unless its content has the known SHA-256.
"""

import hashlib
import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from helpers import sources, standin
from helpers.sources import DataError, folder_of, state

__all__ = ["DataError", "Dataset", "Photographs", "folder_of", "state"]
__all__ += ["load_cifar10", "load_face_masks", "load_mnist"]

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
DIGITS = tuple("0123456789")
THINGS = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())


@dataclass(frozen=True, eq=False)
class _Described:
    name: str
    classes: tuple[str, ...]
    source: str  # one of the above
    sha256: str  # identifies the content


@dataclass(frozen=True, eq=False)
class Dataset(_Described):
    """Images uint8, (N, H, W, C) or (N, H, W), and labels int64 (N,), in two parts.

    Pixels are 0 to 255; a label is an index into `classes`.
    """

    train_images: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Photographs(_Described):
    """Photographs of differing sizes, read when asked for, with labels int64 (N,).

    `photographs[i]` is an image uint8 (H, W, 3). `items` holds the paths of the files,
    or the images of the stand-in. A file that cannot be read raises `DataError`.
    """

    labels: np.ndarray = field(repr=False)
    items: tuple[Path | np.ndarray, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        item = self.items[index]
        if isinstance(item, np.ndarray):
            return item
        try:
            with Image.open(item) as image:
                image = ImageOps.exif_transpose(image)
        except UNREADABLE as why:
            raise DataError(f"{item} cannot be read as a photograph: {why}") from why
        if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
            grey = np.array(image).clip(0, 65535) / 257
            image = Image.fromarray(grey.round().astype(np.uint8))
        return np.array(image.convert("RGB"))


def load_cifar10() -> Dataset:
    """CIFAR-10: 50,000 and 10,000 images (32, 32, 3) of ten kinds of things.

    The stand-in is that of `load_mnist`, coloured, with the digits as its classes.
    Raises `DataError` if the set in `BOOK_DATA` is wrong. Source: A. Krizhevsky,
    Learning multiple layers of features from tiny images, 2009.
    """
    origin = sources.CIFAR10
    files, source = sources.obtain(origin)
    if source == "stand-in":
        return _digits(origin.name, side=32, colour=True)
    opened = (_ArraysOnly(io.BytesIO(f), encoding="bytes") for f in files.values())
    batches = [batch.load() for batch in opened]
    images = np.concatenate([batch[b"data"] for batch in batches])
    colours = images.reshape(-1, 3, 32, 32).transpose(1, 0, 2, 3)
    images = np.stack(list(colours), axis=-1)  # a third of the time of one copy
    labels = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.int64)
    n = len(labels) - len(batches[-1][b"labels"])
    arrays = images[:n], labels[:n], images[n:], labels[n:]
    return Dataset(origin.name, THINGS, source, origin.fingerprint, *arrays)


def load_mnist() -> Dataset:
    """MNIST: 60,000 and 10,000 handwritten digits (28, 28).

    The stand-in has 8,000 and 2,000. Its images i and i + 1,437 (in the test part
    i + 360) are the same digit, shifted; no digit is in both parts.
    Raises `DataError` if the set in `BOOK_DATA` is wrong. Source: Y. LeCun,
    C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998.
    """
    origin = sources.MNIST
    files, source = sources.obtain(origin)
    if source == "stand-in":
        return _digits(origin.name, side=28, colour=False)
    arrays = [_read_idx(content) for content in files.values()]
    arrays[1::2] = [labels.astype(np.int64) for labels in arrays[1::2]]
    return Dataset(origin.name, DIGITS, source, origin.fingerprint, *arrays)


def load_face_masks() -> Photographs:
    """Photographs of faces; label 0: with a mask, 1: without.

    There is no fixed split, and near copies are to be expected. `BOOK_DATA` may hold
    any such photographs: `sha256`, over the sorted git blob ids of the files, tells
    which. Hidden files, and those whose names do not end as an image's, are passed
    over. The stand-in has 1,797 digits, every other one behind a pale band.
    Raises `DataError` if the set in `BOOK_DATA` is wrong. Source of the download:
    the repository `chandrikadeb7/Face-Mask-Detection` on GitHub.
    """
    origin = sources.FACE_MASKS
    files, source = sources.obtain(origin)
    if source == "stand-in":
        items = tuple(standin.masked_digits())
        labels = np.arange(len(items)) % 2
        sha256 = _sha256(items)
    else:
        items = tuple(folder_of(source) / origin.folder / name for name in files)
        labels = np.array([p.parent.name == "without_mask" for p in items])
        sha256 = hashlib.sha256(sources.blob_ids(files)).hexdigest()
    labels = labels.astype(np.int64)
    return Photographs(origin.name, sources.MASK_CLASSES, source, sha256, labels, items)


def _digits(name: str, side: int, colour: bool) -> Dataset:
    arrays = standin.digits(side, colour)
    return Dataset(name, DIGITS, "stand-in", _sha256(arrays), *arrays)


def _sha256(arrays) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and plain values, nothing that could run."""

    known = {"ndarray": np.ndarray, "dtype": np.dtype}
    known["_reconstruct"] = np.empty(0).__reduce__()[0]

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

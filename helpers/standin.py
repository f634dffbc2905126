"""Stand-ins for the data sets, made of the digits that scikit-learn ships."""

import numpy as np

__all__ = ["digits", "masked_digits"]

PARTS = {8000: slice(1437), 2000: slice(1437, None)}  # images, and of which digits


def digits(side: int, colour: bool) -> list[np.ndarray]:
    """Images uint8 (N, side, side) or (N, side, side, 3), labels int64 (N,); twice.

    The training part has N = 8,000, the test part 2,000, and no digit is in both.
    """
    images, labels = _scanned()
    arrays = []
    for n, part in PARTS.items():
        placed = _place(images[part], n, side)
        arrays.append(_paint(placed, np.arange(n)) if colour else placed)
        arrays.append(np.resize(labels[part], n))
    return arrays


def masked_digits() -> list[np.ndarray]:
    """1,797 images uint8 (H, H, 3) of five sizes; the first, third, … behind a band."""
    pictures = []
    for i, image in enumerate(_scanned()[0]):
        scale = 6 + i % 5
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        picture = _paint(large[None], np.array([i]))[0]
        if i % 2 == 0:
            picture[4 * scale : 7 * scale] = (200, 220, 235)
        pictures.append(picture)
    return pictures


def _scanned() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # slow to import, and seldom needed

    values, labels = load_digits(return_X_y=True)
    images = values.reshape(-1, 8, 8).astype(int) * 255 // 16
    return images.astype(np.uint8), labels.astype(np.int64)


def _place(images: np.ndarray, n: int, side: int) -> np.ndarray:
    """The images in turn until there are `n`, thrice as large, each time elsewhere."""
    large = images.repeat(3, axis=1).repeat(3, axis=2)
    room = side - large.shape[1]
    canvas = np.pad(large, [(0, 0), (0, room), (0, room)])
    turn, which = np.divmod(np.arange(n), len(images))
    place = (7 * which + 11 * turn) % (room + 1) ** 2
    shifts = np.transpose(np.divmod(place, room + 1))
    moved = zip(canvas[which], shifts, strict=True)
    return np.stack([np.roll(picture, shift, (0, 1)) for picture, shift in moved])


def _paint(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Grey images as light ink on dark paper, in the colours of `index`."""
    # 97 is prime, so that the colours do not follow the digits, which recur by tens
    paper = np.outer(index, (71, 29, 53)) % 97
    ink = 255 - np.outer(index, (37, 59, 83)) % 97
    paper, ink = paper[:, None, None].astype(np.int32), ink[:, None, None]
    return (paper + (ink - paper) * images[..., None] // 255).astype(np.uint8)

"""Training, as the pages show it, with the data resident on one device."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from helpers.files import write_whole

__all__ = "accuracy device minibatches resumable save to_tensor train".split()


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_tensor(images: np.ndarray) -> Tensor:
    """Images uint8 (N, H, W) or (N, H, W, C) as float32 (N, C, H, W) in [0, 1].

    Raises `ValueError` for any others.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        found = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"not uint8 images (N, H, W) or (N, H, W, C), but {found}")
    tensor = torch.tensor(images if images.ndim == 4 else images[..., None])
    return tensor.permute(0, 3, 1, 2).contiguous().float() / 255


def minibatches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Index tensors of one epoch over `n` examples, shuffled; the last is shorter.

    They are those of `DataLoader(..., size, shuffle=True, generator=generator)`.
    """
    (order,) = DataLoader(range(n), batch_size=n, shuffle=True, generator=generator)
    return iter(order.split(size))


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Minimize the cross-entropy; yields each epoch's mini-batch losses, (batches,).

    A loss is the mean over its mini-batch before the step, in nats. `x`: (N, ...), `y`:
    class indices (N,), both on the model's device. The steps are those of the plain
    loop over a `DataLoader`, without its work for each example.
    """
    if x.ndim == 4:  # the layout in which the kernels for few channels are faster
        x = x.to(memory_format=torch.channels_last)
    for _ in range(epochs):
        model.train()
        losses = []
        for batch in minibatches(len(x), batch_size, generator):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        yield torch.stack(losses)


def resumable(path: Path | None, epochs: int, **parts) -> Iterator[int]:
    """Number the epochs that are left; after each, its state is kept in `path`.

    A loop over it that was killed goes on after the last epoch kept, and ends with the
    weights that it would have had. `parts`: all that the loop changes, as modules,
    optimizers, generators and lists of numbers; the state of torch's own generators is
    kept too. Without a `path` nothing is kept. Raises `ValueError` if the file is not
    of such a loop.
    """
    keepers = {name: _keeper(part) for name, part in parts.items()}
    keepers["torch.rng"] = torch.get_rng_state, torch.set_rng_state
    keepers["torch.cuda"] = torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    done = 0
    if path and path.exists():
        try:
            kept = torch.load(path, weights_only=True)
            done = kept["done"]
            for name, (_, put) in keepers.items():
                put(kept["parts"][name])
        except Exception as error:
            raise ValueError(
                f"{path} does not hold the state of this training; delete it to start "
                f"from the first epoch ({type(error).__name__}: {error})"
            ) from error
    for epoch in range(done, epochs):
        yield epoch
        if path:
            states = {name: get() for name, (get, _) in keepers.items()}
            save(path, {"done": epoch + 1, "parts": states})


def _keeper(part) -> tuple:
    """The functions that get and set the state of a part."""
    if isinstance(part, list):
        return part.copy, lambda state: part.__setitem__(slice(None), state)
    if isinstance(part, torch.Generator):
        return part.get_state, part.set_state
    return part.state_dict, part.load_state_dict


def save(path: Path, content) -> None:
    """Write tensors to a file that has its name only once it is whole."""
    write_whole(path, lambda temporary: torch.save(content, temporary))


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor, batch_size: int = 1000) -> float:
    """The share of examples whose largest output is their label; evaluation mode.

    `x`: (N, ...), `y`: class indices (N,), both on the model's device, which gets
    `batch_size` examples at a time.
    """
    was_training = model.training
    model.eval()
    batches = zip(x.split(batch_size), y.split(batch_size), strict=True)
    right = sum((model(a).argmax(1) == b).sum().item() for a, b in batches)
    model.train(was_training)
    return right / len(y)

"""Measure the plain training loop of the page against `helpers/training.py`.

The plain loop is that of notebooks/image_classification.md: its opening cell and those
that are tagged `plain-loop` are executed from there. Both make the same study (batches
of 4 and 16, for 5 and for 20 epochs, some seeds) in turn; so the ratio holds also where
the machine's speed drifts. Fewer images are used than in the real study; the time grows
in proportion. All is printed and written to results/measured/training-speed.json.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator

import torch
from joblib import Parallel, delayed
from torch import nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from helpers import data, training

from ..source.model import Book
from .rounds import keep

SIZES, EPOCHS, RATE = (4, 16), (5, 20), 1e-3
CORES = os.cpu_count()
KINDS = {
    "convolution, backward": ("convolution_backward",),
    "convolution, forward": ("convolution",),
    "pooling": ("max_pool2d",),
    "fully connected": ("addmm", "::mm"),
    "optimizer": ("sgd", "zero_"),
}


def page() -> dict:
    """What the opening of the page and its cells tagged `plain-loop` define."""
    page, names = Book().pages["notebooks/image_classification"], {"Dataset": Dataset}
    tagged = [c for c in page.cells if "plain-loop" in c.options.get("tags", [])]
    for cell in page.opening + tagged:
        exec(cell.body, names)
    return names


def fast_run(network, x, y, batch_size, seed, epochs, watched=()) -> tuple:
    """The trained network, and its accuracies on (x, y) after the epochs `watched`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = network().to(x.device)
    sgd = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, fused=True)
    shuffle = torch.Generator().manual_seed(seed)
    run = training.train(
        model, x, y, sgd, epochs=epochs, batch_size=batch_size, generator=shuffle
    )
    seen = [
        training.accuracy(model, x, y) for k, _ in enumerate(run, 1) if k in watched
    ]
    return model, seen


class Bench:
    """The two ways through the study, on the first `n` images."""

    def __init__(self, n: int):
        cifar = data.load_cifar10()
        self.data, self.page = cifar, page()
        images, labels = cifar.train_images[:n], cifar.train_labels[:n]
        self.photos = self.page["Images"](images, labels, self.page["to_input"])
        self.x = (2 * training.to_tensor(images) - 1).to(training.device())
        self.y = torch.from_numpy(labels).to(self.x.device)
        self.network = self.page["network"]

    def plain_study(self, seeds: int) -> list[float]:
        """One run after the other."""
        accuracies = []
        for size, epochs, seed in itertools.product(SIZES, EPOCHS, range(seeds)):
            model = self.plain(size, seed, epochs)
            loader = DataLoader(self.photos, size)
            place = training.device()
            accuracies.append(self.page["accuracy"](model, loader, place))
        return accuracies

    def plain(self, size: int, seed: int = 0, epochs: int = 1) -> nn.Module:
        """One run of the page's loop, with PyTorch's usual number of threads."""
        torch.set_num_threads(CORES)
        return self.page["plain_run"](self.photos, size, RATE, seed, epochs)[0]

    def fast(self, size: int, seed: int = 0) -> nn.Module:
        """One epoch on one thread."""
        return fast_run(self.network, self.x, self.y, size, seed, 1)[0]

    def fast_study(self, seeds: int, sizes=SIZES, watched=EPOCHS) -> list[float]:
        """Runs side by side, the long ones first; 5 epochs are part of 20."""
        runs = Parallel(n_jobs=CORES)(
            delayed(fast_run)(
                self.network, self.x, self.y, size, seed, max(watched), watched
            )
            for size, seed in itertools.product(sizes, range(seeds))
        )
        return [accuracy for _, seen in runs for accuracy in seen]

    def largest_difference(self) -> float:
        """Between the weights of the two loops after one epoch."""
        pairs = zip(
            self.plain(16).parameters(), self.fast(16).parameters(), strict=True
        )
        return max((a - b).abs().max().item() for a, b in pairs)

    def profile(self, size: int) -> dict[str, float]:
        """Shares of the fast loop's time, and the share that the arithmetic needs."""
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            self.fast(size)
        times = {e.key: e.self_cpu_time_total for e in profiler.key_averages()}
        total, shares = sum(times.values()), {}
        for kind, parts in KINDS.items():
            mine = [k for k in times if any(part in k for part in parts)]
            shares[kind] = sum(times.pop(k) for k in mine) / total
        shares["other operations"] = sum(times.values()) / total
        with FlopCounterMode(display=False) as counter:
            outputs = self.network()(self.x[:size].cpu())
            cross_entropy(outputs, self.y[:size].cpu()).backward()
        steps = math.ceil(len(self.x) / size)
        needed = steps * counter.get_total_flops() / peak()
        return {**shares, "floating-point limit": needed / seconds_of(self.fast, size)}


def peak() -> float:
    """Floating-point operations in a second, of one thread that multiplies matrices."""
    torch.set_num_threads(1)
    a = torch.randn(512, 512)
    best = min(seconds_of(lambda: a @ a) for _ in range(50))
    return 2 * 512**3 / best


def seconds_of(call: Callable, *arguments) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def measure(bench: Bench, seeds: int, rounds: int) -> Iterator[tuple[dict, dict]]:
    """What was measured and its values, the competitors always in turn."""
    for what, values in _measure(bench, seeds, rounds):
        yield {"what": what}, values


def _measure(bench: Bench, seeds: int, rounds: int) -> Iterator[tuple[str, dict]]:
    bench.fast_study(CORES, watched=(1,))  # starts the worker processes
    for _ in range(rounds):
        plain = seconds_of(bench.plain_study, seeds)
        fast = seconds_of(bench.fast_study, seeds)
        yield "study", {"plain": plain, "fast": fast, "ratio": plain / fast}
    for size, _ in itertools.product((1, 4, 16, 64, 256), range(rounds)):
        steps = math.ceil(len(bench.x) / size)
        plain = 1000 * seconds_of(bench.plain, size) / steps
        fast = 1000 * seconds_of(bench.fast, size) / steps
        name = f"step with batch size {size}"  # milliseconds
        yield name, {"plain": plain, "fast": fast, "ratio": plain / fast}
    for count, _ in itertools.product((1, 2, 4, 8), range(rounds)):
        side = seconds_of(bench.fast_study, count, (4,), (1,)) / count
        yield f"epoch of one of {count} runs", {"side by side": side}
    for size, _ in itertools.product(SIZES, range(rounds)):
        yield f"share of time, batch size {size}", bench.profile(size)


def main(arguments: list[str]) -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    bench = Bench(options.images)
    difference = bench.largest_difference()
    print(f"After one epoch two weights differ by at most {difference:.1e}.")
    keep(
        "training-speed",
        measure(bench, options.seeds, options.rounds),
        title="The plain training loop against the fast one",
        question="cv-2-4-ii",
        command="make bench-training",
        data=[bench.data],
        budget=vars(options),
        difference=difference,
    )
    return 0

"""Measure the plain training loop of the page against `helpers/training.py`.

The plain loop is what the cells of the page tagged `plain-loop` define. Both make the
same study, of fewer images, in turn: the ratio holds though a machine's speed drifts.
"""

import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
from joblib import Parallel, delayed
from torch import nn
from torch.nn.functional import cross_entropy
from torch.profiler import profile
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from helpers import data, training

from ..source.model import Book
from ..workspace import parse
from .rounds import keep

SIZES, EPOCHS, RATE = (4, 16), (5, 20), 1e-3
IMAGES, SEEDS, ROUNDS = 1000, 2, 3
CORES = os.cpu_count()
KINDS = {
    "convolution, backward": "convolution_backward",
    "convolution, forward": "convolution",
    "pooling": "max_pool2d",
    "fully connected": "addmm|::mm",
    "optimizer": "sgd|zero_",
    "other operations": "",
}


def fast_run(network, x, y, batch_size, seed=0, epochs=1, watched=()) -> nn.Module:
    """A run on one thread, which takes its accuracy after the epochs `watched`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = network().to(x.device)
    sgd = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, fused=True)
    shuffle = torch.Generator().manual_seed(seed)
    how = {"epochs": epochs, "batch_size": batch_size, "generator": shuffle}
    for epoch, _ in enumerate(training.train(model, x, y, sgd, **how), 1):
        if epoch in watched:
            training.accuracy(model, x, y)
    return model


class Bench:
    """The two ways through the study, on the first images."""

    def __init__(self):
        page = Book().pages["notebooks/image_classification"]
        tagged = [c for c in page.cells if "plain-loop" in c.options.get("tags", [])]
        self.page: dict = {"Dataset": Dataset}
        for cell in page.opening + tagged:
            exec(cell.body, self.page)
        self.data = data.load_cifar10()
        images = self.data.train_images[:IMAGES]
        labels = self.data.train_labels[:IMAGES]
        self.photos = self.page["Images"](images, labels, self.page["to_input"])
        x = (2 * training.to_tensor(images) - 1).to(training.device())
        self.fast_data = self.page["network"], x, torch.from_numpy(labels).to(x.device)
        self.fast = partial(fast_run, *self.fast_data)  # one epoch

    def plain_study(self) -> None:
        """One run after the other."""
        for size, epochs, seed in product(SIZES, EPOCHS, range(SEEDS)):
            model = self.plain(size, seed, epochs)
            loader = DataLoader(self.photos, size)
            self.page["accuracy"](model, loader, training.device())

    def plain(self, size: int, seed: int = 0, epochs: int = 1) -> nn.Module:
        """One run of the page's loop, with PyTorch's usual number of threads."""
        torch.set_num_threads(CORES)
        return self.page["plain_run"](self.photos, size, RATE, seed, epochs)[0]

    def fast_study(self, seeds=SEEDS, sizes=SIZES, watched=EPOCHS) -> None:
        """Runs side by side, the long ones first; 5 epochs are part of 20."""
        Parallel(n_jobs=CORES)(
            delayed(self.fast)(size, seed, max(watched), watched)
            for size, seed in product(sizes, range(seeds))
        )

    def profile(self, size: int) -> dict[str, float]:
        """Shares of the fast loop's time, and the share that the arithmetic needs."""
        with profile() as profiler:
            self.fast(size)
        times = Counter(dict.fromkeys(KINDS, 0))
        for event in profiler.key_averages():
            kind = next(k for k, names in KINDS.items() if re.search(names, event.key))
            times[kind] += event.self_cpu_time_total
        network, x, y = self.fast_data
        with FlopCounterMode(display=False) as counter:
            cross_entropy(network()(x[:size].cpu()), y[:size].cpu()).backward()
        a = torch.randn(512, 512)  # one thread multiplies large matrices, at its best
        best = 2 * 512**3 / min(seconds_of(torch.mm, a, a) for _ in range(50))
        needed = math.ceil(IMAGES / size) * counter.get_total_flops() / best
        shares = {kind: time / times.total() for kind, time in times.items()}
        return {**shares, "floating-point limit": needed / seconds_of(self.fast, size)}


def seconds_of(call: Callable, *arguments) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def measure(bench: Bench) -> Iterator[tuple[dict, dict]]:
    """What was measured and its values, the competitors always in turn."""
    bench.fast_study(CORES, watched=(1,))  # starts the worker processes
    for _ in range(ROUNDS):
        yield {"what": "study"}, compared(bench.plain_study, bench.fast_study)
    for size, _ in product((1, 4, 16, 64, 256), range(ROUNDS)):
        unit = 1000 / math.ceil(IMAGES / size)  # milliseconds of a step
        times = compared(bench.plain, bench.fast, size, unit=unit)
        yield {"what": f"step with batch size {size}"}, times
    for count, _ in product((1, 2, 4, 8), range(ROUNDS)):
        side = seconds_of(bench.fast_study, count, (4,), (1,)) / count
        yield {"what": f"epoch of one of {count} runs"}, {"side by side": side}
    for size, _ in product(SIZES, range(ROUNDS)):
        yield {"what": f"share of time, batch size {size}"}, bench.profile(size)


def compared(plain: Callable, fast: Callable, *arguments, unit=1.0) -> dict[str, float]:
    """How long two calls take, and the ratio."""
    slow, quick = (unit * seconds_of(call, *arguments) for call in (plain, fast))
    return {"plain": slow, "fast": quick, "ratio": slow / quick}


def main(arguments: list[str]) -> None:
    """Measure, print, record."""
    parse(__doc__, arguments, {})
    bench = Bench()
    both = bench.plain(16).parameters(), bench.fast(16).parameters()
    difference = max((a - b).abs().max().item() for a, b in zip(*both, strict=True))
    print(f"After one epoch two weights differ by at most {difference:.1e}.")
    keep(
        "training-speed",
        measure(bench),
        title="The plain training loop against the fast one",
        question="cv-2-4-ii",
        command="make bench-training",
        data=[bench.data],
        budget={"images": IMAGES, "seeds": SEEDS, "rounds": ROUNDS},
        difference=difference,
    )

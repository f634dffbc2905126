"""Measure the plain training loop of the page against `helpers/training.py`.

The plain loop is that of notebooks/image_classification.md: the cells that are tagged
`plain-loop` are executed from there. Both make the same study (batches of 4 and 16, for
5 and for 20 epochs, some seeds) in turn; so the ratio holds also where the machine's
speed drifts. Fewer images are used than in the real study; the time grows in
proportion. What is measured is printed and written to results/training-speed.json.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator

import jupytext
import numpy as np
import torch
from folder import ROOT
from joblib import Parallel, delayed
from torch import nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from helpers import data, results, training

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
    """What the cells tagged `plain-loop` define."""
    notebook = jupytext.read(ROOT / "notebooks" / "image_classification.md")
    names = {"Dataset": Dataset}
    for cell in notebook.cells:
        if "plain-loop" in cell.metadata.get("tags", []):
            exec(cell.source, names)
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

    def stacked(self, size: int, seeds: int) -> None:
        """One epoch of several models in one process, stacked by `torch.func`."""
        torch.set_num_threads(CORES)
        models = [self.network().to(self.x.device) for _ in range(seeds)]
        generators = [torch.Generator().manual_seed(k) for k in range(seeds)]
        for _ in training.train_stacked(
            models,
            self.x,
            self.y,
            lambda p: torch.optim.SGD(p, RATE, momentum=0.9),
            epochs=1,
            batch_size=size,
            generators=generators,
        ):
            pass

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


def measure(bench: Bench, seeds: int, rounds: int) -> Iterator[tuple[str, dict]]:
    """What was measured and its values, the competitors always in turn."""
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
        stacked = seconds_of(bench.stacked, 4, count) / count
        name = f"epoch of one of {count} runs"
        yield name, {"side by side": side, "stacked": stacked}
    for size, _ in itertools.product(SIZES, range(rounds)):
        yield f"share of time, batch size {size}", bench.profile(size)


def show(runs: results.Runs) -> None:
    """A line for each value: the median over the rounds, the least and the largest."""
    for config in runs.configs():
        print(config["what"])
        for value in next(r for r in runs.records if r["config"] == config)["values"]:
            found = runs.values(value, **config)
            low, middle, high = np.quantile(found, (0, 0.5, 1))
            print(f"  {value:24} {middle:10.4g}   ({low:.4g} to {high:.4g})")


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bench, start, records = Bench(options.images), time.perf_counter(), []
    difference = bench.largest_difference()
    print(f"After one epoch two weights differ by at most {difference:.1e}.")
    for name, values in tqdm(measure(bench, options.seeds, options.rounds)):
        config = {"what": name}
        seed = sum(r["config"] == config for r in records)
        records.append({"config": config, "seed": seed, "values": values})
    show(results.Runs(records))
    record = {
        "name": "training-speed",
        "title": "The plain training loop against the fast one",
        "question": "cv-2-4-ii",
        "command": "make bench",
        "budget": vars(options),
        **results.provenance([bench.data]),
        "seconds": round(time.perf_counter() - start, 1),
        "difference": difference,
        "runs": records,
    }
    results.write_json(results.FOLDER / "training-speed.json", record)


if __name__ == "__main__":
    main()

"""What all benchmarks do with what they measure: they number, show and record it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
from tqdm import tqdm

from helpers import recording, results


def keep(
    name: str,
    found: Iterable[tuple[dict, dict]],
    derived: Callable[[results.Runs], dict] = lambda _: {},
    **more,
) -> None:
    """Show and record what is found: configurations, each with its values.

    A configuration that comes more than once has its round as the seed. `derived` says
    what goes into the record beside `more`, given all runs.
    """
    start, runs = time.perf_counter(), []
    for config, values in tqdm(found):
        seed = sum(run["config"] == config for run in runs)
        runs.append({"config": config, "seed": seed, "values": values})
    show(results.Runs(runs))
    more |= derived(results.Runs(runs))
    seconds = round(time.perf_counter() - start, 1)
    recording.record(name, runs, seconds=seconds, **more)


def show(runs: results.Runs) -> None:
    """A line for each value: the median over the rounds, the least and the largest."""
    for config in runs.configs():
        print(*config.values(), sep=", ")
        for value in next(r for r in runs.records if r["config"] == config)["values"]:
            low, middle, high = np.quantile(runs.values(value, **config), (0, 0.5, 1))
            print(f"  {value:36} {middle:10.4g}   ({low:.4g} to {high:.4g})")

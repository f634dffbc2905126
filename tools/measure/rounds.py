"""What all benchmarks do with what they measure: they number, show and record it."""

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

    Shown are medians, least and largest values. A configuration that comes more than
    once has its round as the seed. `derived` makes of all runs what else is recorded.
    """
    start, made = time.perf_counter(), []
    for config, values in tqdm(found):
        seed = sum(run["config"] == config for run in made)
        made.append({"config": config, "seed": seed, "values": values})
    runs = results.Runs(made)
    for first in (run for run in made if run["seed"] == 0):
        print(*first["config"].values(), sep=", ")
        for value in first["values"]:
            rows = runs.values(value, **first["config"])
            low, middle, high = np.quantile(rows, (0, 0.5, 1))
            print(f"  {value:36} {middle:10.4g}   ({low:.4g} to {high:.4g})")
    more |= derived(runs)
    seconds = round(time.perf_counter() - start, 1)
    recording.record(name, made, seconds=seconds, **more)

"""Execute the notebooks in other circumstances, and compare what they give.

    python tools/reproduce.py [--only NOTEBOOK] [--setting NAME]

The book is executed as usual, from the cache, and then without it: on two threads, with
vectors of 256 and of 128 bits instead of AVX-512, with another hash seed. Each time two
things must stay as they were: the ledger, which is all that the checks say of
themselves, and, byte for byte, the committed notebook with the outputs that nbval
compares. Last digits that tests/nbval.ini forgives may differ.

It prints a line for each setting and notebook, and the first differences. The exit
status is 1 if there is one. All is written to results/reproduced.json, where what was
not asked for keeps what was found before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import nbformat
from execute import execute, export, notebooks, read
from folder import BUILD, ROOT, alone
from lower import forgive, lower
from runner import run
from source import Book, SourceError

from helpers import results

USUAL = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
NO_AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"  # as NumPy calls it
SETTINGS = {
    "as usual": {},
    "two threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "256 bits": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": NO_AVX512,
    },
    "128 bits": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 {NO_AVX512}",
    },
    "another hash seed": {"PYTHONHASHSEED": "1"},
}
FELT = (
    "import torch; print(torch.backends.cpu.get_cpu_capability(), "
    "torch.get_num_threads(), hash('book'))"
)
SHOWN = 3  # differences
FILE = results.FOLDER / "reproduced.json"


@contextmanager
def environment(setting: str) -> Iterator[None]:
    """The variables of a setting, for the processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.update(USUAL | SETTINGS[setting])
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def felt(setting: str) -> str:
    """What PyTorch and Python notice of a setting."""
    with environment(setting):
        command = [sys.executable, "-c", FELT]
        return subprocess.check_output(command, text=True).strip()


def run_in(setting: str, paths: list[Path]) -> dict[Path, Path | None]:
    """The executed notebooks, which lie in a folder of the setting, or None."""
    if setting == "as usual":
        folder = BUILD / "executed"
        return {p: folder / p.relative_to(ROOT).with_suffix(".ipynb") for p in paths}
    folder = BUILD / "reproduced" / setting.replace(" ", "-")
    todo = {path: read(path) for path in paths}
    with environment(setting):
        succeeded = [*run(todo, os.cpu_count(), timeout=3600)]
    return {
        path: export(todo[path], path, folder) if path in succeeded else None
        for path in paths
    }


def ledger(executed: Path) -> list[dict]:
    """What the checks of an executed notebook say of themselves."""
    outputs = [
        output
        for cell in nbformat.read(executed, 4).cells
        for output in cell.get("outputs", ())
    ]
    found = [output.get("metadata", {}).get("check") for output in outputs]
    return [check for check in found if check]


def differences(one: list, other: list) -> list[str]:
    """The places where two lists differ, but for last digits."""
    texts = ([json.dumps(x, sort_keys=True) for x in these] for these in (one, other))
    return [
        f"{a} was {b}"
        for a, b in zip_longest(*texts)
        if a is None or b is None or forgive(a) != forgive(b)
    ]


def compare(book: Book, path: Path, usual: Path, executed: Path) -> dict:
    """How many checks and outputs agree with those of the usual run."""
    checks, page = ledger(usual), str(path.relative_to(book.root).with_suffix(""))
    found = [f"ledger: {text}" for text in differences(ledger(executed), checks)]
    committed = path.with_suffix(".ipynb").read_text("utf-8")
    cells = nbformat.reads(committed, 4).cells
    outputs = [cell for cell in cells if cell.get("outputs")]
    try:
        text = lower(book, page, executed)
    except SourceError as error:
        found.append(str(error))
    else:
        now = nbformat.reads(text, 4).cells
        found += [f"notebook: {text}" for text in differences(now, cells)]
        if text != committed and not found:
            found.append("notebook: other bytes")
    values = {
        "checks": len(checks),
        "outputs": len(outputs),
        "differences": len(found),
    }
    return {"values": values, "differences": found[:SHOWN]}


def reproduce(paths: list[Path], settings: list[str]) -> Iterator[dict]:
    """One record for each setting and notebook; a line is printed for each."""
    book, usual = Book(ROOT), run_in("as usual", paths)
    for setting in settings:
        machine = felt(setting)
        print(f"{setting} ({machine}):", flush=True)
        for path, executed in run_in(setting, paths).items():
            found = {"values": {"differences": 1}, "differences": ["a cell failed"]}
            if executed:
                found = compare(book, path, usual[path], executed)
            config = {"notebook": path.stem, "setting": setting}
            print("  {notebook}: ".format(**config), end="")
            lines = [_in_words(found["values"]), *found["differences"]]
            print("\n    ".join(lines), flush=True)
            date = results.provenance()["date"]
            yield {
                "config": config,
                "date": date,
                "machine": machine,
                "seed": 0,
                **found,
            }


def _in_words(values: dict) -> str:
    if count := values["differences"]:
        return f"{count} differences"
    return "{checks} checks and {outputs} outputs are equal".format(**values)


def record(found: list[dict], seconds: float) -> None:
    """Write what was found beside what was found before."""
    order = [*itertools.product(SETTINGS, (path.stem for path in notebooks()))]
    old = json.loads(FILE.read_text("utf-8"))["runs"] if FILE.exists() else []
    runs = {(r["config"]["setting"], r["config"]["notebook"]): r for r in old + found}
    content = {
        "name": "reproduced",
        "title": "The book executed in other circumstances",
        "question": "",
        "command": "make reproduce",
        **results.provenance(),
        "seconds": seconds,
        "runs": [runs[place] for place in order if place in runs],
    }
    results.write_json(FILE, content)


def main() -> int:
    """Compare, print and record; whether there was a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NOTEBOOK", help="such as general_review")
    parser.add_argument("--setting", choices=SETTINGS, help="default: all of them")
    options, paths, start = parser.parse_args(), notebooks(), time.perf_counter()
    names = [path.stem for path in paths]
    if options.only and options.only not in names:
        print(f"There is no notebook {options.only!r}; there are: {', '.join(names)}")
        return 2
    paths = [path for path in paths if options.only in (None, path.stem)]
    settings = [options.setting] if options.setting else list(SETTINGS)
    with alone(), environment("as usual"):
        if not execute():
            return 1
        records = list(reproduce(paths, settings))
    record(records, round(time.perf_counter() - start, 1))
    return int(any(run["values"]["differences"] for run in records))


if __name__ == "__main__":
    sys.exit(main())

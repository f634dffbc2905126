"""Execute the notebooks in other circumstances, and compare what they give.

The book is executed as usual, from the cache, and then without it: on two threads, with
vectors of 256 and of 128 bits instead of AVX-512, with another hash seed. Each time two
things must stay as they were: the ledger, which is all that the checks say of
themselves, and, byte for byte, the committed notebook with the outputs that nbval
compares. Last digits that tests/nbval.ini forgives may differ. The exit status is 1 if
anything else does. All is written to results/measured/reproduced.json.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from unittest.mock import patch

import nbformat

from helpers import recording

from ..source.model import Book, Page
from ..source.notebook import forgive, text_of
from ..workspace import BUILD, EXECUTED, ROOT, SourceError, alone, parse
from .again import beside_older
from .execute import execute, export, read
from .kernel import Task, run

USUAL = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
NO_AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"  # as NumPy calls it
VECTORS = {  # of 256 bits, of 128 bits
    "ATEN_CPU_CAPABILITY": ("avx2", "default"),
    "ONEDNN_MAX_CPU_ISA": ("AVX2", "SSE41"),
    "MKL_ENABLE_INSTRUCTIONS": ("AVX2", "SSE4_2"),
    "OPENBLAS_CORETYPE": ("Haswell", "Nehalem"),
    "NPY_DISABLE_CPU_FEATURES": (NO_AVX512, f"X86_V3 {NO_AVX512}"),
}
SETTINGS = {
    "as usual": USUAL,
    "two threads": USUAL | {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "256 bits": USUAL | {name: wide for name, (wide, _) in VECTORS.items()},
    "128 bits": USUAL | {name: narrow for name, (_, narrow) in VECTORS.items()},
    "another hash seed": USUAL | {"PYTHONHASHSEED": "1"},
}
MACHINE = "import torch; print(torch.backends.cpu.get_cpu_capability(), "
MACHINE += "torch.get_num_threads(), hash('book'))"


def run_in(setting: str, pages: list[Page]) -> Path:
    """Execute pages whole; the folder with the notebooks of which no cell failed."""
    if setting == "as usual":  # they have been executed before
        return EXECUTED
    folder = BUILD / "reproduced" / setting.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    tasks = [Task(p.path.stem, p.path, read(p, p.cells)) for p in pages]
    with patch.dict(os.environ, SETTINGS[setting]):
        for task in run(tasks, timeout=3600):
            export(task.notebook, f"notebooks/{task.name}", folder)
    return folder


def ledger(executed: Path) -> list[dict]:
    """What the checks of an executed notebook say of themselves."""
    cells = nbformat.read(executed, 4).cells
    outputs = [output for cell in cells for output in cell.outputs]
    found = [output.get("metadata", {}).get("check") for output in outputs]
    return [check for check in found if check]


def differences(now: list, before: list) -> list[str]:
    """The places where two lists differ, but for last digits."""
    texts = ([json.dumps(x, sort_keys=True) for x in xs] for xs in (now, before))
    return [
        f"{a} was {b}"
        for a, b in zip_longest(*texts)
        if a is None or b is None or forgive(a) != forgive(b)
    ]


def compare(book: Book, page: Page, folder: Path) -> dict:
    """How many checks and outputs agree with those of the usual run."""
    now, checks = (ledger(of / f"{page.name}.ipynb") for of in (folder, EXECUTED))
    found = [f"ledger: {text}" for text in differences(now, checks)]
    committed = page.path.with_suffix(".ipynb").read_text("utf-8")
    cells = nbformat.reads(committed, 4).cells
    outputs = [cell for cell in cells if cell.get("outputs")]
    try:
        text = text_of(book, page, folder)
    except SourceError as error:
        found.append(str(error))
    else:
        now = nbformat.reads(text, 4).cells
        found += [f"notebook: {text}" for text in differences(now, cells)]
        if text != committed and not found:
            found.append("notebook: other bytes")
    values = {"checks": len(checks), "outputs": len(outputs), "differences": len(found)}
    return {"values": values, "differences": found[:3]}


def reproduce(book: Book, pages: list[Page], settings: list[str]) -> Iterator[dict]:
    """One record for each setting and notebook; a line is printed for each."""
    for setting in settings:
        command = [sys.executable, "-c", MACHINE]
        with patch.dict(os.environ, SETTINGS[setting]):
            machine = subprocess.check_output(command, text=True).strip()
        print(f"{setting} ({machine}):", flush=True)
        folder = run_in(setting, pages)
        for page in pages:
            found = {"values": {"differences": 1}, "differences": ["a cell failed"]}
            if (folder / f"{page.name}.ipynb").exists():
                found = compare(book, page, folder)
            said = "{checks} checks and {outputs} outputs are equal"
            if found["differences"]:
                said = "{differences} differences"
            lines = [said.format(**found["values"]), *found["differences"]]
            print(f"  {page.path.stem}: " + "\n    ".join(lines), flush=True)
            config = {"notebook": page.path.stem, "setting": setting}
            yield {"config": config, "machine": machine, "seed": 0, **found}


def main(arguments: list[str]) -> int:
    """Compare, print and record; whether there was a difference."""
    book, start = Book(ROOT), time.perf_counter()
    pages = {page.path.stem: page for page in book.notebooks}
    only = {"metavar": "NOTEBOOK", "choices": pages}
    setting = {"choices": SETTINGS, "help": "default: all of them"}
    options = parse(__doc__, arguments, {"--only": only, "--setting": setting})
    asked = [pages[options.only]] if options.only else list(pages.values())
    settings = [options.setting] if options.setting else list(SETTINGS)
    with alone(), patch.dict(os.environ, USUAL):
        if not execute():
            return 1
        found = list(reproduce(book, asked, settings))
    order = [{"notebook": name, "setting": one} for one in SETTINGS for name in pages]
    title = "The book executed in other circumstances"
    about = {"title": title, "command": "make reproduce"}
    about["seconds"] = round(time.perf_counter() - start, 1)
    recording.record("reproduced", beside_older("reproduced", found, order), **about)
    return int(any(run["values"]["differences"] for run in found))

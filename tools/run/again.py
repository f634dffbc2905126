"""Make one run of each recorded study again, and compare it with the record.

It is the first run, or the shortest if that takes longer than five minutes; a study
whose runs are all longer is passed over. `helpers.recording.compare` says what counts
as equal. What was found is printed and written to results/measured/again.json, where
studies that were not asked for keep what was found before. The exit status is 1 if one
is off.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil

from helpers import recording, results

from ..source.model import Book
from ..workspace import ROOT, alone
from .execute import with_studies
from .kernel import run


def repeat(book: Book, only: str | None) -> dict[str, dict]:
    """What each study found, by its name."""
    folder = results.FOLDER / ".partial" / "again"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["BOOK_SCALE"] = "again"
    for _ in run(with_studies(book, only), os.cpu_count()):
        pass
    files = sorted(folder.glob("*.json"))
    found = {file.stem: json.loads(file.read_text("utf-8")) for file in files}
    missing = {"outcome": "off: its problem failed before it"}
    asked = [only] if only else sorted(book.studies)
    return {name: found.get(name, missing) for name in asked}


def record(found: dict[str, dict]) -> None:
    """Write the outcomes beside those of other studies."""
    old = results.load("again") or {"runs": []}
    kept = {run["config"]["study"]: run for run in old["runs"]}
    date = recording.provenance()["date"]
    for name, outcome in found.items():
        kept[name] = {
            "config": {"study": name},
            "seed": outcome.get("seed", 0),
            "values": {"difference": outcome.get("error")},
            "outcome": outcome["outcome"],
            "repeated": outcome.get("config"),
            "date": date,
            "seconds": outcome.get("seconds", 0),
        }
    runs = [kept[name] for name in sorted(kept)]
    recording.record(
        "again",
        runs,
        title="One run of each study made again",
        command="make again",
        seconds=round(sum(run["seconds"] for run in runs), 1),
    )


def main(arguments: list[str]) -> int:
    """Repeat, print, record."""
    book = Book(ROOT)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="STUDY", choices=sorted(book.studies))
    only = parser.parse_args(arguments).only
    with alone():
        found = repeat(book, only)
    for name, outcome in found.items():
        print(f"{name}: {outcome['outcome']}")
    record(found)
    return int(any(run["outcome"].startswith("off") for run in found.values()))

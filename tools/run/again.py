"""Make one run of each recorded study again, and compare it with the record.

It is the first run, or the shortest if that takes over five minutes; a study whose runs
are all longer is passed over. `helpers.recording.compare` says what is equal. All is
printed and written to results/measured/again.json; the exit status is 1 if one is off.
"""

import json
import os
import shutil

from helpers import recording, results

from ..source.model import Book
from ..workspace import ROOT, alone, parse
from .execute import with_studies
from .kernel import run


def repeat(book: Book, only: str | None) -> list[dict]:
    """What each study found, as a run of the record."""
    folder = results.FOLDER / ".partial" / "again"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["BOOK_SCALE"] = "again"
    list(run(with_studies(book, only), os.cpu_count()))
    runs = []
    for name in [only] if only else book.studies:
        path = folder / f"{name}.json"
        found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        one = {
            "config": {"study": name},
            "seed": found.get("seed", 0),
            "values": {"difference": found.get("error")},
            "outcome": found.get("outcome", "off: its problem failed before it"),
            "repeated": found.get("config"),
            "seconds": found.get("seconds", 0),
        }
        runs.append(one)
    return runs


def beside_older(name: str, found: list[dict], order: list[dict]) -> list[dict]:
    """Runs of a record: what was found today, and before of other configurations."""
    date = recording.provenance()["date"]
    runs = (results.load(name) or {"runs": []})["runs"]
    runs += [run | {"date": date} for run in found]
    last = {str(run["config"]): run for run in runs}
    return [last[str(config)] for config in order if str(config) in last]


def main(arguments: list[str]) -> int:
    """Repeat, print, record."""
    book = Book(ROOT)
    one = {"metavar": "STUDY", "choices": book.studies}
    only = parse(__doc__, arguments, {"--only": one}).only
    with alone():
        found = repeat(book, only)
    for one in found:
        print(f"{one['config']['study']}: {one['outcome']}")
    runs = beside_older("again", found, [{"study": name} for name in book.studies])
    about = {"title": "One run of each study made again", "command": "make again"}
    seconds = round(sum(run["seconds"] for run in runs), 1)
    recording.record("again", runs, seconds=seconds, **about)
    return int(any(one["outcome"].startswith("off") for one in found))

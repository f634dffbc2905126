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
    study = {"metavar": "STUDY", "choices": book.studies}
    only = parse(__doc__, arguments, {"--only": study}).only
    with alone():
        found, folder = [], results.FOLDER / ".partial" / "again"
        shutil.rmtree(folder, ignore_errors=True)
        os.environ["BOOK_SCALE"] = "again"
        list(run(with_studies(book, only)))
        for name in [only] if only else book.studies:
            path = folder / f"{name}.json"
            ran = json.loads(path.read_text("utf-8")) if path.exists() else {}
            one = {
                "config": {"study": name},
                "seed": ran.get("seed", 0),
                "values": {"difference": ran.get("error")},
                "outcome": ran.get("outcome", "off: its problem failed before it"),
                "repeated": ran.get("config"),
                "seconds": ran.get("seconds", 0),
            }
            print(f"{name}: {one['outcome']}")
            found.append(one)
    runs = beside_older("again", found, [{"study": name} for name in book.studies])
    about = {"title": "One run of each study made again", "command": "make again"}
    seconds = round(sum(run["seconds"] for run in runs), 1)
    recording.record("again", runs, seconds=seconds, **about)
    return int(any(one["outcome"].startswith("off") for one in found))

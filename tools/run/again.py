"""Make one run of each recorded study again, and compare it with the record.

    python tools/again.py [--only STUDY]

It is the first run, or the shortest if that takes longer than five minutes; a study
whose runs are all longer is passed over. `helpers.results.compare` says what counts as
equal. What was found is printed and written to results/again.json, where studies that
were not asked for keep what was found before. The exit status is 1 if one is off.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys

from execute import read, studies
from folder import alone
from runner import run

from helpers import results

FILE = results.FOLDER / "again.json"


def repeat(only: str | None) -> dict[str, dict]:
    """What each study found, by its name."""
    folder = results.FOLDER / ".partial" / "again"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["BOOK_SCALE"] = "again"
    if only:
        os.environ["BOOK_ONLY"] = only
    known = studies()
    paths = {path for name, path in known.items() if only in (None, name)}
    todo = {path: read(path) for path in sorted(paths)}
    for _ in run(todo, os.cpu_count()):
        pass
    files = sorted(folder.glob("*.json"))
    found = {file.stem: json.loads(file.read_text()) for file in files}
    asked = [only] if only else sorted(known)
    missing = {"outcome": "off: its notebook failed before it"}
    return {name: found.get(name, missing) for name in asked}


def record(found: dict[str, dict]) -> None:
    """Write the outcomes beside those of other studies."""
    old = json.loads(FILE.read_text())["runs"] if FILE.exists() else []
    kept = {run["config"]["study"]: run for run in old}
    provenance = results.provenance()
    for name, outcome in found.items():
        kept[name] = {
            "config": {"study": name},
            "seed": outcome.get("seed", 0),
            "values": {"difference": outcome.get("error")},
            "outcome": outcome["outcome"],
            "repeated": outcome.get("config"),
            "date": provenance["date"],
            "seconds": outcome.get("seconds", 0),
        }
    runs = [kept[name] for name in sorted(kept)]
    content = {
        "name": "again",
        "title": "One run of each study made again",
        "question": "",
        "command": "make again",
        **provenance,
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "runs": runs,
    }
    results.write_json(FILE, content)


def main() -> int:
    """Repeat, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="STUDY")
    options, known = parser.parse_args(), studies()
    if options.only and options.only not in known:
        print(f"There is no study {options.only!r}; there are: {', '.join(known)}")
        return 2
    with alone():
        found = repeat(options.only)
    for name, outcome in found.items():
        print(f"{name}: {outcome['outcome']}")
    record(found)
    return int(any(run["outcome"].startswith("off") for run in found.values()))


if __name__ == "__main__":
    sys.exit(main())

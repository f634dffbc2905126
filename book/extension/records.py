"""Recorded results: a number in prose, the list of all with their provenance, tables.

    {recorded}`initializers:3,relu,he.accuracy.mean:.1%`

is the number that `helpers.results.lookup` finds, in Python's format.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from helpers import results

from .questions import READ, place
from .views import RESULTS, VIEWS, View, row, table

HEAD = ("Record", "Question", "Runs", "Date", "Device", "Computing", "Made again")
logger = logging.getLogger(__name__)


def records(env: BuildEnvironment) -> Iterator[Path]:
    """The files of all studies and of all that was measured of the book."""
    return (Path(env.srcdir) / "results").glob("*/*.json")


# -------------------------------------------------------------------- a number


class Recorded(SphinxRole):
    """A recorded number, which links to where it comes from."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """An unknown result or a wrong format is an error."""
        try:
            name, path, form = self.text.split(":", 2)
            number = format(results.lookup(name, path), form)
        except (KeyError, ValueError) as error:
            message = f"recorded `{self.text}`: {error.args[0]}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        self.env.note_dependency(str(results.path_of(name)))
        return [_link(self.env, number, name)], []


def _link(env: BuildEnvironment, text: str, name: str) -> nodes.reference:
    uri = f"{env.app.builder.get_relative_uri(env.docname, RESULTS)}#result-{name}"
    link = nodes.reference("", text, internal=True, refuri=uri, record=name)
    link["classes"].append("recorded")
    return link


def show_records(env: BuildEnvironment, document: nodes.document) -> None:
    """Below each cell that reads records, links to them."""
    known = {path.stem for path in records(env)}
    for cell in document.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            names = READ.findall(cell[0].astext())
            for name in dict.fromkeys(name for name in names if name in known):
                line = nodes.paragraph("", "Recorded runs: ", classes=["study"])
                line += _link(env, name, name)
                cell += line


# ------------------------------------------------------------------ all records


class ResultsList(SphinxDirective):
    """List all recorded results here."""

    def run(self) -> list[nodes.Node]:
        """A table of all, then one section for each file in results/."""
        found = {}
        for path in sorted(records(self.env), key=lambda path: path.name):
            self.env.note_dependency(str(path))
            record = json.loads(path.read_text("utf-8"))
            if "seed" in record["runs"][0]:  # else it has a page of its own
                found[path] = record
        if not found:
            return [nodes.paragraph("", "Nothing is recorded yet.")]
        again = _made_again(found.values())
        rows = [_row(record, again.get(record["name"])) for record in found.values()]
        sections = [
            self.section(path, record, again.get(record["name"]))
            for path, record in found.items()
        ]
        return [table(HEAD, rows, "records"), *sections]

    def section(self, path: Path, record: dict, again: dict | None) -> nodes.section:
        """Where the numbers of one file come from."""
        name, data = record["name"], record["data"].items()
        seeds = map(str, sorted({run["seed"] for run in record["runs"]}))
        checksums = {d: f"{of['source']}, sha256 {of['sha256']}" for d, of in data}
        rows = {
            "question": place(shows="question", label=record["question"], title=True),
            "used in": place(shows="users", record=name),
            "repeat": nodes.literal("", record["command"]),
            "date": nodes.Text(record["date"]),
            "device": nodes.Text(record["device"]),
            "commit": self.commit(record["commit"]),
            "runs": nodes.Text(f"{len(record['runs'])}, seeds {', '.join(seeds)}"),
            "computing": nodes.Text(f"{record['seconds']:,.0f} s, all runs together"),
            "versions": nodes.Text(_pairs(record["versions"])),
            "data": nodes.Text(_pairs(checksums)),
            "made again": nodes.Text(_repeated(again)) if again else "",
        }
        fields = [
            nodes.field(
                "",
                nodes.field_name("", title.capitalize()),
                nodes.field_body("", nodes.paragraph("", "", content)),
            )
            for title, content in rows.items()
            if content != ""
        ]
        target = "/" + path.relative_to(self.env.srcdir).as_posix()
        file = nodes.literal("", path.name)
        file = addnodes.download_reference("", "", file, reftarget=target)
        section = nodes.section(ids=[f"result-{name}"])
        section += nodes.title("", record["title"])
        section += nodes.field_list("", *fields)
        section += nodes.paragraph("", "", nodes.Text("All values: "), file)
        return section

    def commit(self, text: str) -> nodes.Node:
        """A link to a commit in the repository."""
        id = re.match("[0-9a-f]{7,40}", text)
        if not id:
            return nodes.Text(text)
        url = self.config.html_theme_options["repository_url"]
        link = nodes.reference("", id[0], refuri=f"{url}/commit/{id[0]}")
        return nodes.inline("", "", link, nodes.Text(text[id.end() :]))


class MadeFor(View):
    """The question that a study was made for."""

    def content(self) -> list[nodes.Node]:
        """Its number, with its title if the place has room for it."""
        label = self.place["label"]
        if label in self.known.questions:
            between = ": " if self.place["title"] else None
            return [self.to_question(label, between=between)]
        if label:
            logger.warning("no such question: %s", label, location=self.place)
        return [nodes.Text("–")]


class Users(View):
    """The questions that use a record."""

    def content(self) -> list[nodes.Node]:
        """Their numbers."""
        labels = self.known.users(self.place["record"])
        links = nodes.inline("", "" if labels else "no question")
        for n, label in enumerate(labels):
            links += [nodes.Text(", " if n else ""), self.to_question(label)]
        return [links]


VIEWS |= {"question": MadeFor, "users": Users}


def _made_again(records: Iterable[dict]) -> dict[str, dict]:
    """What the record `again` says of studies since they were recorded, by name."""
    records = {record["name"]: record for record in records}
    runs = records["again"]["runs"] if "again" in records else []
    repeated = {run["config"]["study"]: run for run in runs}
    return {
        name: run
        for name, run in repeated.items()
        if name in records and run["date"] >= records[name]["date"]
    }


def _repeated(again: dict) -> str:
    text = f"{again['date']}: {again['outcome']}"
    if config := again["repeated"]:
        text += f", by a relative difference of {again['values']['difference']:.0e}; "
        text += f"{_pairs(config)}, seed {again['seed']}"
    return text


def _row(record: dict, again: dict | None) -> nodes.row:
    name, number = record["name"], len(record["runs"])
    seeds = len({run["seed"] for run in record["runs"]})
    runs = str(number) if number % seeds else f"{number // seeds} × {seeds} seeds"
    link = nodes.reference("", name, internal=True, refuri=f"#result-{name}")
    question = place(shows="question", label=record["question"], title=False)
    time = _time(record["seconds"])
    outcome = again["outcome"].partition(":")[0] if again else "–"
    return row(link, question, runs, record["date"], record["device"], time, outcome)


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 59 else f"{minutes} min"


def _pairs(pairs: dict[str, str]) -> str:
    return "; ".join(f"{name} {text}" for name, text in pairs.items())


# ------------------------------------------------------------ tables of records


class Measured(SphinxDirective):
    """A table of what was measured of the book."""

    def run(self) -> list[nodes.Node]:
        """One that does not exist yet is an error."""
        path = Path(self.env.srcdir) / f"results/measured/{self.record}.json"
        if not path.exists():
            raise self.error(f"{path.name} is missing: run `{self.command}`")
        self.env.note_dependency(str(path))
        head, *rows = self.rows(json.loads(path.read_text("utf-8")))
        return [table(head, [row(*cells) for cells in rows], self.record)]


class Growth(Measured):
    """A row for each value: at each size, and its exponent."""

    record, command = "scale", "make bench-growth"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        runs = results.Runs(record["runs"])
        sizes = [config["sets"] for config in runs.configs()]
        rows = [("Part", *(f"{n} sets" for n in sizes), "exponent")]
        for name in runs.records[0]["values"]:
            means = (float(runs.mean(name, sets=n)) for n in sizes)
            values = [f"{m:,.0f}" if m >= 1000 else f"{m:.3g}" for m in means]
            power, half = (
                record[f"{of} {name}"] for of in ("exponent of", "half width of")
            )
            rows.append((name, *values, f"{power:.2f}\u00a0±\u00a0{half:.2f}"))
        return rows


class Building(Measured):
    """A row for each thing that was built: the median, the range, how often."""

    record, command = "build-speed", "make bench-build"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        runs = results.Runs(record["runs"])
        rows = [("What", "seconds", "range", "measured")]
        for config in runs.configs():
            found = sorted(runs.values("seconds", **config))
            middle, ends = (
                statistics.median(found),
                f"{found[0]:.0f} to {found[-1]:.0f}",
            )
            rows.append((config["what"], f"{middle:.0f}", ends, str(len(found))))
        return rows


class Reproduced(Measured):
    """A row for each setting, a column for each notebook."""

    record, command = "reproduced", "make reproduce"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        found = {tuple(run["config"].values()): run["values"] for run in record["runs"]}
        notebooks, settings = (
            list(dict.fromkeys(part)) for part in zip(*found, strict=True)
        )
        head = ("Setting", *(name.replace("_", " ") for name in notebooks))
        return [head] + [
            (setting, *(_outcome(found[name, setting]) for name in notebooks))
            for setting in settings
        ]


def _outcome(values: dict) -> str:
    if count := values["differences"]:
        return f"{count} differences"
    return "all {checks} checks equal".format(**values)

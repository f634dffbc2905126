"""Recorded results: a number in prose, the list of all with their provenance, tables.

    {recorded}`initializers:3,relu,he.accuracy.mean:.1%`

is the number that `helpers.results.lookup` finds, in Python's format.
"""

import json
import re
from pathlib import Path
from statistics import median

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from helpers import results

from .questions import READ, place
from .views import RESULTS, View, paragraph, table

HEAD = ("Record", "Question", "Runs", "Date", "Device", "Computing", "Made again")
logger = logging.getLogger(__name__)


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
    anchor = f"result-{name}"
    return View(env).link(text, RESULTS, anchor, record=name, classes=["recorded"])


def show_records(env: BuildEnvironment, document: nodes.document) -> None:
    """Below each cell that reads records, links to them."""
    for cell in document.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            for name in dict.fromkeys(READ.findall(cell[0].astext())):
                if results.path_of(name).exists():
                    link = _link(env, name, name)
                    cell += paragraph("Recorded runs: ", link, classes=["study"])


# ------------------------------------------------------------------ all records


class ResultsList(SphinxDirective):
    """List all recorded results here."""

    def run(self) -> list[nodes.Node]:
        """A table of all, then one section for each file in results/."""
        found, folder = {}, Path(self.env.srcdir) / "results"
        for path in sorted(folder.glob("*/*.json"), key=lambda path: path.name):
            self.env.note_dependency(str(path))
            record = json.loads(path.read_text("utf-8"))
            if "seed" in record["runs"][0]:  # else it has a page of its own
                found[record["name"]] = record | {"path": path, "again": None}
        if not found:
            return [paragraph("Nothing is recorded yet.")]
        for run in found["again"]["runs"] if "again" in found else ():
            study = found.get(run["config"]["study"])
            if study and run["date"] >= study["date"]:  # not recorded anew since
                study["again"] = run
        rows, sections = map(_row, found.values()), map(self._section, found.values())
        return [table("records", HEAD, rows), *sections]

    def _section(self, record: dict) -> nodes.section:
        """Where the numbers of one file come from."""
        name, data, runs = record["name"], record["data"].items(), record["runs"]
        seeds = ", ".join(map(str, sorted({run["seed"] for run in runs})))
        checksums = {d: f"{of['source']}, sha256 {of['sha256']}" for d, of in data}
        rows = {
            "Question": place(shows="question", label=record["question"], between=": "),
            "Used in": place(shows="users", record=name),
            "Repeat": nodes.literal("", record["command"]),
            "Date": record["date"],
            "Device": record["device"],
            "Commit": self._commit(record["commit"]),
            "Runs": f"{len(runs)}, seeds {seeds}",
            "Computing": f"{record['seconds']:,.0f} s, all runs together",
            "Versions": _pairs(record["versions"]),
            "Data": _pairs(checksums),
            "Made again": _repeated(record["again"]),
        }
        fields = nodes.field_list()
        for title, content in rows.items():
            if content != "":
                body = nodes.field_body("", paragraph(content))
                fields += nodes.field("", nodes.field_name("", title), body)
        target = "/" + record["path"].relative_to(self.env.srcdir).as_posix()
        file = nodes.literal("", record["path"].name)
        file = addnodes.download_reference("", "", file, reftarget=target)
        title = nodes.title("", record["title"])
        values = paragraph("All values: ", file)
        return nodes.section("", title, fields, values, ids=[f"result-{name}"])

    def _commit(self, text: str) -> str | nodes.Node:
        id = re.match("[0-9a-f]{7,40}", text)
        if not id:
            return text
        url = self.config.html_theme_options["repository_url"]
        link = nodes.reference("", id[0], refuri=f"{url}/commit/{id[0]}")
        return nodes.inline("", "", link, nodes.Text(text[id.end() :]))


def made_for(view: View, mark: place) -> nodes.Node:
    """The question that a study was made for."""
    if (label := mark["label"]) in view.known.questions:
        return view.to_question(label, between=mark["between"])
    if label:
        logger.warning("no such question: %s", label, location=mark)
    return nodes.Text("–")


def users(view: View, mark: place) -> nodes.Node:
    """The questions that use a record."""
    labels = view.known.users(mark["record"])
    links = nodes.inline("", "" if labels else "no question")
    for n, label in enumerate(labels):
        links += [nodes.Text(", " if n else ""), view.to_question(label)]
    return links


def _repeated(again: dict | None) -> str:
    if again is None:
        return ""
    text = f"{again['date']}: {again['outcome']}"
    if config := again["repeated"]:
        text += f", by a relative difference of {again['values']['difference']:.0e}; "
        text += f"{_pairs(config)}, seed {again['seed']}"
    return text


def _row(record: dict) -> tuple[str | nodes.Node, ...]:
    name, number = record["name"], len(record["runs"])
    seeds = len({run["seed"] for run in record["runs"]})
    runs = str(number) if number % seeds else f"{number // seeds} × {seeds} seeds"
    link = nodes.reference("", name, internal=True, refuri=f"#result-{name}")
    question = place(shows="question", label=record["question"], between="")
    time = _time(record["seconds"])
    again = record["again"]
    outcome = again["outcome"].partition(":")[0] if again else "–"
    return link, question, runs, record["date"], record["device"], time, outcome


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 59 else f"{minutes} min"


def _pairs(pairs: dict[str, str]) -> str:
    return "; ".join(f"{name} {text}" for name, text in pairs.items())


# ------------------------------------------------------------ tables of records


def growth(record: dict) -> list[tuple[str, ...]]:
    """A head, then a row for each value: at each size, and its exponent."""
    runs = results.Runs(record["runs"])
    sizes = [config["sets"] for config in runs.configs()]
    rows = [("Part", *(f"{n} sets" for n in sizes), "exponent")]
    for name in runs.records[0]["values"]:
        means = (float(runs.mean(name, sets=n)) for n in sizes)
        values = [f"{m:,.0f}" if m >= 1000 else f"{m:.3g}" for m in means]
        power, half = record[f"exponent of {name}"], record[f"half width of {name}"]
        rows.append((name, *values, f"{power:.2f}\u00a0±\u00a0{half:.2f}"))
    return rows


def building(record: dict) -> list[tuple[str, ...]]:
    """A head, then for each thing built the median, the range and how often."""
    runs = results.Runs(record["runs"])
    rows = [("What", "seconds", "range", "measured")]
    for config in runs.configs():
        found = sorted(runs.values("seconds", **config))
        ends = f"{found[0]:.0f} to {found[-1]:.0f}"
        rows.append((config["what"], f"{median(found):.0f}", ends, str(len(found))))
    return rows


def reproduced(record: dict) -> list[tuple[str, ...]]:
    """A head, then a row for each setting, with a column for each notebook."""
    table = {}
    for run in record["runs"]:
        notebook, setting = run["config"].values()
        count = run["values"]["differences"]
        equal = f"all {run['values']['checks']} checks equal"
        cells = table.setdefault(setting, {})
        cells[notebook.replace("_", " ")] = f"{count} differences" if count else equal
    names = list(next(iter(table.values())))
    rows = ((setting, *(cells[n] for n in names)) for setting, cells in table.items())
    return [("Setting", *names), *rows]


MEASURED = {  # directives: the record that each shows, how, and what makes it
    "building": ("build-speed", building, "make bench-build"),
    "growth": ("scale", growth, "make bench-scale"),
    "reproduced": ("reproduced", reproduced, "make reproduce"),
}


class Measured(SphinxDirective):
    """A table of what was measured of the book."""

    def run(self) -> list[nodes.Node]:
        """One that does not exist yet is an error."""
        name, rows, command = MEASURED[self.name]
        if (record := results.load(name)) is None:
            raise self.error(f"{name}.json is missing: run `{command}`")
        self.env.note_dependency(str(results.path_of(name)))
        head, *rows = rows(record)
        return [table(name, head, rows)]

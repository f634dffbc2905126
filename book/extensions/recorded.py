"""Recorded results: a number in prose, and the list of all with their provenance.

    {recorded}`initializers:relu,he.accuracy.mean:.1%`

is the number that `helpers.results.lookup` finds, in Python's format.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from overview import RESULTS, Overview, cell, mark_overview, questions, table
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx_exercise.nodes import exercise_enumerable_node

HEAD = ("Record", "Question", "Runs", "Date", "Device", "Computing", "Made again")
READ = re.compile(r'\b(?:study|lookup)\(\s*"([\w-]+)"')  # in a cell
logger = logging.getLogger(__name__)


class asked(nodes.General, nodes.Element):
    """The place of a link to the question that a study was made for."""


class used(nodes.General, nodes.Element):
    """The place of links to the questions that use a record."""


class Recorded(SphinxRole):
    """A recorded number, which links to where it comes from."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """An unknown result or a wrong format is an error."""
        from helpers import results

        try:
            name, path, form = self.text.split(":", 2)
            number = format(results.lookup(name, path), form)
        except (KeyError, ValueError) as error:
            message = f"recorded `{self.text}`: {error.args[0]}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        self.env.note_dependency(str(results.FOLDER / f"{name}.json"))
        page = self.env.app.builder.get_relative_uri(self.env.docname, RESULTS)
        return [_link(number, page, name)], []


class ResultsList(SphinxDirective):
    """List all recorded results here."""

    def run(self) -> list[nodes.Node]:
        """A table of all, then one section for each file in results/."""
        folder = Path(self.env.srcdir) / "results"
        paths = sorted(folder.glob("*.json"))
        if not paths:
            return [nodes.paragraph("", "Nothing is recorded yet.")]
        for path in paths:
            self.env.note_dependency(str(path))
        records = [json.loads(path.read_text("utf-8")) for path in paths]
        again = {name: _again(records, name) for name in (r["name"] for r in records)}
        rows = [_row(record, again[record["name"]]) for record in records]
        sections = [self.section(record, again[record["name"]]) for record in records]
        return mark_overview(self.env, table(HEAD, rows, "records")) + sections

    def section(self, record: dict, again: dict | None) -> nodes.section:
        """Where the numbers of one file come from."""
        name, data = record["name"], record["data"].items()
        seeds = sorted({run["seed"] for run in record["runs"]})
        checksums = {d: f"{of['source']}, sha256 {of['sha256']}" for d, of in data}
        rows = {
            "question": asked(label=record["question"], title=True),
            "used in": used(record=name),
            "repeat": nodes.literal("", record["command"]),
            "date": nodes.Text(record["date"]),
            "device": nodes.Text(record["device"]),
            "commit": self.commit(record["commit"]),
            "runs": nodes.Text(f"{len(record['runs'])}, seeds {_list(seeds)}"),
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
        file = addnodes.download_reference(
            "", "", nodes.literal("", f"{name}.json"), reftarget=f"/results/{name}.json"
        )
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


class ShowUses(Overview):
    """Link records to the questions that use them, and cells to their records."""

    def run(self, **_) -> None:
        """Do nothing on a page without either."""
        for mark in list(self.document.findall(asked)):
            if mark["label"] in questions(self.env):
                mark.replace_self(self.to_question(mark["label"], mark["title"]))
            else:
                if mark["label"]:
                    logger.warning("no such question: %s", mark["label"], location=mark)
                mark.replace_self(nodes.Text("–"))
        for mark in list(self.document.findall(used)):
            pages = self.env.uses_of_records.values()
            labels = {label for uses in pages for label in uses.get(mark["record"], ())}
            known = [label for label in questions(self.env) if label in labels]
            links = nodes.inline("", "" if known else "no question")
            for n, label in enumerate(known):
                links += [nodes.Text(", " if n else ""), self.to_question(label)]
            mark.replace_self(links)
        page = self.app.builder.get_relative_uri(self.env.docname, RESULTS)
        for block in list(self.document.findall(nodes.literal_block)):
            for name in dict.fromkeys(READ.findall(block.astext())):
                if (Path(self.app.srcdir) / "results" / f"{name}.json").exists():
                    line = nodes.paragraph("", "Recorded runs: ", classes=["study"])
                    line += _link(name, page, name)
                    block.parent.parent += line  # below the output of the cell

    def to_question(self, label: str, with_title: bool = False) -> nodes.reference:
        """A link to a question, by its number."""
        question = questions(self.env)[label]
        text = [nodes.Text(f"Exercise {question.number}")]
        if with_title:
            text += [nodes.Text(": "), *question.title]
        return self.link(text, question.page, label)


def _link(text: str, page: str, name: str) -> nodes.reference:
    uri = f"{page}#result-{name}"
    link = nodes.reference("", text, internal=True, refuri=uri, record=name)
    link["classes"].append("recorded")
    return link


def _again(records: list[dict], name: str) -> dict | None:
    """What the record `again` says of a study since it was recorded, if anything."""
    dates = {record["name"]: record["date"] for record in records}
    for record in records:
        for run in record["runs"] if record["name"] == "again" else ():
            if run["config"]["study"] == name and run["date"] >= dates[name]:
                return run
    return None


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
    question = asked(label=record["question"], title=False)
    time = _time(record["seconds"])
    outcome = again["outcome"].partition(":")[0] if again else "–"
    cells = (link, question, runs, record["date"], record["device"], time, outcome)
    return nodes.row("", *map(cell, cells))


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes > 59 else f"{minutes} min"


def _list(words: Iterable) -> str:
    return ", ".join(map(str, words))


def _pairs(pairs: dict[str, str]) -> str:
    return "; ".join(f"{name} {text}" for name, text in pairs.items())


def collect(app: Sphinx, document: nodes.document) -> None:
    """Remember in which questions a page uses which records."""
    uses, label = defaultdict(set), None
    for node in document.findall():
        if isinstance(node, exercise_enumerable_node):
            label = node["label"]
        elif isinstance(node, nodes.reference) and "record" in node:
            uses[node["record"]].add(label)
        elif isinstance(node, nodes.literal_block):
            for name in READ.findall(node.astext()):
                uses[name].add(label)
    everywhere = getattr(app.env, "uses_of_records", {})
    app.env.uses_of_records = {**everywhere, app.env.docname: uses}


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the uses of a page that is gone."""
    getattr(env, "uses_of_records", {}).pop(docname, None)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    sys.path.insert(0, str(app.srcdir))  # the helpers of this checkout
    app.add_role("recorded", Recorded())
    app.add_directive("results-list", ResultsList)
    app.add_post_transform(ShowUses)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)

"""What the checks in executed notebooks say: on the page, counted, in the ledger."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from tools.source.model import Question
from tools.workspace import EXECUTED

from .questions import Questions, place
from .views import LEDGER, VIEWS, View, cell, row, section_id, table

logger = logging.getLogger(__name__)


def checks_of(env: BuildEnvironment, page: str) -> list[dict]:
    """What the checks of an executed notebook said, and where in its source.

    The third check of gr-1-1a has the name `gr-1-1a-3`, whatever other ids do.
    """
    path = EXECUTED / f"{page}.ipynb"
    return _read(path, path.stat().st_mtime_ns, env.doc2path(page))


@cache
def _read(path: Path, written: int, source: str) -> list[dict]:
    notebook = nbformat.read(path, as_version=4)
    lines, found, numbers = notebook.metadata["source_map"], [], Counter()
    for code, line in zip(notebook.cells, lines, strict=True):
        for output in code.get("outputs", []):
            if check := output.get("metadata", {}).get("check"):
                numbers[check["id"]] += 1
                name = f"{check['id']}-{numbers[check['id']]}"
                text, where = output.data["text/plain"], f"{source}:{line}"
                found.append({**check, "name": name, "text": text, "place": where})
    return found


def verify(app: Sphinx, env: BuildEnvironment) -> None:
    """Each check is about a question or an erratum of its page."""
    known: Questions = env.get_domain("question")
    for page in known.problem_sets:
        ids = {label for label, q in known.questions.items() if q.page == page}
        ids |= {erratum["ids"][0] for erratum in known.errata(page)}
        for check in checks_of(env, page):
            if check["id"] not in ids:
                message = "%s is no question and no erratum of this page"
                logger.warning(message, check["id"], location=check["place"])


# ---------------------------------------------------------------- where they ran


def show_lines(env: BuildEnvironment, document: nodes.document) -> None:
    """Put a line with an id and a link to the ledger in the place of each check.

    A check is known among the outputs of its page by the text that it printed.
    """
    page, view, expected = env.docname, View(env), defaultdict(list)
    if page not in view.known.problem_sets:
        return
    for check in checks_of(env, page):
        expected[check["text"]].append(check)
    for output in list(document.findall(nodes.container)):
        if output.get("nb_element") == "mime_bundle":
            texts = {part["mime_type"]: part.astext() for part in output}
            if waiting := expected[texts.get("text/plain")]:
                output.replace_self(_line(view, waiting.pop(0)))
    for check in (check for waiting in expected.values() for check in waiting):
        message = "the page does not show the check %s; hide no output"
        logger.warning(message, check["name"], location=check["place"])


def _line(view: View, check: dict) -> nodes.paragraph:
    before, id, after = check["text"].partition(check["id"])
    link = view.link(id, LEDGER, f"ledger-{check['name']}")
    link["reftitle"] = check["claim"]
    line = nodes.paragraph("", before, link, nodes.Text(after))
    line["classes"] += ["check", "output", "text_html"]  # as myst-nb calls an output
    line["ids"].append(f"check-{check['name']}")
    return line


# --------------------------------------------------------------- their numbers


class Count(SphinxRole):
    """A number that is counted when the book is built.

    {count}`checks` is that of all checks, {count}`general_review:checks` that of one
    problem set.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave its place."""
        mark = place(shows="count", name=self.text)
        self.set_source_info(mark)
        return [mark], []


class Counted(View):
    """A number of `counts`, or of the recorded studies."""

    def content(self) -> list[nodes.Node]:
        """An unknown name is an error."""
        name, counted = self.place["name"], _all_counts(self.env)
        if name not in counted:
            message = f"{name!r} is not counted; {', '.join(counted)} are"
            logger.warning(message, location=self.place)
        return [nodes.Text(f"{counted.get(name, 0):,}")]


VIEWS["count"] = Counted


@cache
def _all_counts(env: BuildEnvironment) -> dict[str, int]:
    pages = env.get_domain("question").problem_sets
    files = (Path(env.srcdir) / "results/studies").glob("*.json")
    runs = [json.loads(file.read_text("utf-8"))["runs"] for file in files]
    return {
        **counts(env, *pages),
        "studies": len(runs),
        "runs": sum(map(len, runs)),
        **{
            f"{page.rpartition('/')[2]}:{name}": number
            for page in pages
            for name, number in counts(env, page).items()
        },
    }


def counts(env: BuildEnvironment, *pages: str) -> dict[str, int]:
    """What these problem sets hold."""
    known: Questions = env.get_domain("question")
    checks = [check for page in pages for check in checks_of(env, page)]
    kinds = Counter(check["kind"] for check in checks)
    asked = {label: q for label, q in known.questions.items() if q.page in pages}
    verdicts = [erratum["verdict"] for erratum in known.errata(*pages)]
    return {
        "questions": len(asked),
        "hours": round(sum(question.minutes for question in asked.values()) / 60),
        "checked": len(asked.keys() & {check["id"] for check in checks}),
        "checks": len(checks),
        "proved": sum(check["method"] == "proved by sympy" for check in checks),
        "gradients": kinds["gradient"],
        "values": kinds["value"],
        "expectations": kinds["expectation"],
        "bounds": kinds["bound"],
        "altered": sum(check["mutants"] for check in checks),
        "errata": len(verdicts) - verdicts.count("right"),
        "looks-wrong": verdicts.count("right"),
    }


# ------------------------------------------------------------------ the ledger


class Ledger(View):
    """Each question with its checks."""

    head = ("Claim", "How it was checked", "Altered claims refused")

    def content(self) -> list[nodes.Node]:
        """The numbers in words, then a table for each problem set."""
        return [self.summary(), *map(self.table, self.known.problem_sets)]

    def summary(self) -> nodes.bullet_list:
        """The numbers in words."""
        pages = self.known.problem_sets
        n = counts(self.env, *pages)
        kinds = (_kind(c) for page in pages for c in checks_of(self.env, page))
        verdicts = (erratum["verdict"] for erratum in self.known.errata())
        wrong = _each(verdict for verdict in verdicts if verdict != "right")
        lines = [
            f"Questions: {n['questions']}, of which {n['checked']} are checked",
            f"Checks: {n['checks']}{_each(kinds)}",
            f"Altered claims: {n['altered']:,}, each of them refused",
            *self.attacked(),
            f"Errata: {n['errata']}{wrong}",
            f"Places that look wrong and are right: {n['looks-wrong']}",
        ]
        items = [nodes.list_item("", nodes.paragraph("", line)) for line in lines]
        return nodes.bullet_list("", *items)

    def attacked(self) -> list[str]:
        """What became of the claims that were altered in the notebooks' code."""
        n = _tally(_attacks(self.env))
        if not n["made"]:
            return []
        rate = f"{n['refused']:,} ({n['refused'] / n['made']:.1%}) were refused"
        return [f"Alterations in the code of what is stated: {n['made']:,}; {rate}"]

    def table(self, page: str) -> nodes.section:
        """The questions of a problem set, with their checks and their errata."""
        asked = (q for q in self.known.questions.values() if q.page == page)
        rows = [row for question in asked for row in self.rows(question)]
        section = self.section(page)
        section += table(self.head, rows, "ledger")
        return section

    def rows(self, question: Question) -> list[nodes.row]:
        """A row with the question and its errata, and one for each check."""
        label, page = question.id, question.page
        first = cell(self.to_question(label, between=": "))
        first["ids"].append(label)
        found = self.known.errata(page, question=label)
        errata = [erratum["ids"][0] for erratum in found]
        for id in errata:
            link = self.link(f"Erratum {id}", page, id)
            first[0] += [nodes.Text(" · "), link]
        checks = [c for c in checks_of(self.env, page) if c["id"] in (label, *errata)]
        rows = [self.row(page, check, label) for check in checks]
        none = cell("no check")
        first["morecols"] = none["morecols"] = len(self.head) - 1
        rows = rows or [nodes.row("", none)]
        return [nodes.row("", first, classes=["question"]), *rows]

    def row(self, page: str, check: dict, label: str) -> nodes.row:
        """A check; its claim leads to the line on the page where it ran."""
        claim = self.link(check["claim"], page, f"check-{check['name']}")
        how = f"{_kind(check)}: {check['method']}; {check['strength']}"
        found = row(claim, how, str(check["mutants"]))
        if check["id"] != label:
            found[0][0].insert(0, nodes.Text(f"Erratum {check['id']}: "))
        found["ids"].append(f"ledger-{check['name']}")
        return found


def _kind(check: dict) -> str:
    if check["kind"] != "identity":
        return check["kind"]
    return "proof" if check["method"].startswith("proved") else "identity, no proof"


def _each(names: Iterable[str]) -> str:
    counted = Counter(names).most_common()
    return f" ({', '.join(f'{n} {name}' for name, n in counted)})" if counted else ""


# ------------------------------------------------------------- altered claims


class Altered(View):
    """What became of the altered claims, from their record and the reasons given."""

    depends = "results/measured/altered.json", "book/altered.yml"
    head = ("What is checked", "Altered", "Refused", "Of these by an error", "Survived")
    head += ("Refused, %",)

    def content(self) -> list[nodes.Node]:
        """A table of the problem sets, then one of the questions of each."""
        runs, by_set = _attacks(self.env), defaultdict(list)
        for run in runs:
            by_set[run["page"]].append(run)
        pages = self.known.problem_sets
        rows = [self.row(self.to_section(page), by_set[page]) for page in pages]
        rows.append(self.row(nodes.Text("all"), runs))
        sections = [self.part(page, by_set[page]) for page in pages if by_set[page]]
        return [table(self.head, rows, "altered"), *sections]

    def to_section(self, page: str) -> nodes.reference:
        """A link from the first table to the section about a problem set."""
        title = self.env.titles[page].deepcopy().children
        return nodes.reference("", "", *title, refid=section_id(page))

    def row(self, name: nodes.Node, runs: list[dict]) -> nodes.row:
        """The numbers for some checks."""
        n = _tally(runs)
        rate = f"{100 * n['refused'] / n['made']:.1f}" if n["made"] else "–"
        numbers = [n[key] for key in ("made", "refused", "error", "survived")]
        return row(name, *(f"{number:,}" for number in numbers), rate)

    def part(self, page: str, runs: list[dict]) -> nodes.section:
        """The questions of a problem set, then what survived and why."""
        from tools.run import mutants

        questions = {e["ids"][0]: e["question"] for e in self.known.errata(page)}
        asked = defaultdict(list)
        for run in runs:
            asked[questions.get(run["id"], run["id"])].append(run)
        section = self.section(page)
        section += table(
            self.head,
            [
                self.row(self.to_question(label, "", " "), asked[label])
                for label in self.known.questions
                if label in asked
            ],
            "altered",
        )
        reasons = mutants.explained()
        survived = (
            (run["id"], reasons.get((run["id"], one["what"]), "open"), one)
            for run in runs
            for one in run["survivors"]
        )
        if items := [
            self.survivor(page, id, why, [one for *_, one in ones])
            for (id, why), ones in groupby(survived, lambda found: found[:2])
        ]:
            section += nodes.paragraph("", "What survived, and why it may:")
            section += nodes.bullet_list("", *items)
        return section

    def survivor(
        self, page: str, id: str, why: str, ones: list[dict]
    ) -> nodes.list_item:
        """Altered claims of a question that its checks let through, for one reason."""
        text = nodes.paragraph("", "", self.link(id, page, id))
        for one in ones:
            how = f" ({one['how']})" if one["how"] else ""
            text += [nodes.Text(", "), nodes.literal("", one["what"]), nodes.Text(how)]
        text += nodes.Text(f". {' '.join(why.split())}")
        return nodes.list_item("", text)


def _attacks(env: BuildEnvironment) -> list[dict]:
    """What became of the altered claims of each check, as recorded."""
    from tools.run import mutants

    sets = {p.rpartition("/")[2]: p for p in env.get_domain("question").problem_sets}
    runs = (run for run in mutants.recorded()["runs"] if run["notebook"] in sets)
    return [{**run, "page": sets[run["notebook"]]} for run in runs]


def _tally(runs: list[dict]) -> Counter:
    """How many altered claims were made, refused, refused by an error, survived."""
    from tools.run import mutants

    n = mutants.total(runs)
    n["refused"] += n["error"]
    n["made"] = n["refused"] + n["survived"]
    return n

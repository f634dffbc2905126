"""What the checks in executed notebooks say: on the page, counted, in the ledger."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from tools.source.directives import VERDICTS
from tools.source.model import Question
from tools.workspace import EXECUTED

from .questions import place
from .views import LEDGER, View, paragraph, row, section_id, table

LEDGER_HEAD = ("Claim", "How it was checked", "Altered claims refused")
SIDES = {"stated": "of what is stated", "measured": "of what is measured"}
ALTERED_HEAD = ("What is checked",)
for _side in SIDES:
    ALTERED_HEAD += (f"{_side.title()}: altered", "refused by an error")
    ALTERED_HEAD += ("survived", "refused, %")
logger = logging.getLogger(__name__)


@cache
def checks_of(env: BuildEnvironment, page: str) -> list[dict]:
    """What the checks of an executed notebook said, and where in its source.

    The third check of gr-1-1a has the name `gr-1-1a-3`, whatever other ids do.
    """
    notebook = nbformat.read(EXECUTED / f"{page}.ipynb", as_version=4)
    lines, found, numbers = notebook.metadata["source_map"], [], Counter()
    for code, line in zip(notebook.cells, lines, strict=True):
        for output in code.get("outputs", []):
            if check := output.get("metadata", {}).get("check"):
                numbers[check["id"]] += 1
                name = f"{check['id']}-{numbers[check['id']]}"
                place = f"{env.doc2path(page)}:{line}"
                more = {"text": output.data["text/plain"], "place": place}
                found.append({**check, "name": name, **more})
    return found


def errata_of(question: Question) -> list[str]:
    """The ids of the errata about a question."""
    return [erratum.argument for erratum in question.errata]


# ---------------------------------------------------------------- where they ran


def show_lines(env: BuildEnvironment, document: nodes.document) -> None:
    """Put a line with an id and a link to the ledger in the place of each check.

    A check is known among the outputs of its page by the text that it printed. Each is
    about a question or an erratum of its page.
    """
    view, expected = View(env), defaultdict(list)
    if not (questions := view.known.book.pages[env.docname].questions):
        return
    ids = {id for question in questions for id in (question.id, *errata_of(question))}
    for check in checks_of(env, env.docname):
        expected[check["text"]].append(check)
        if check["id"] not in ids:
            message = "%s is no question and no erratum of this page"
            logger.warning(message, check["id"], location=check["place"])
    for block in document.findall(nodes.literal_block):
        if "stderr" in block["classes"]:
            message = "a cell warns, for all to read: %s"
            logger.warning(message, block.astext().strip()[:200], location=block)
    for output in list(document.findall(nodes.container)):
        if output.get("nb_element") == "mime_bundle":
            texts = {part["mime_type"]: part.astext() for part in output}
            if waiting := expected[texts.get("text/plain")]:
                output.replace_self(_line(view, waiting.pop(0)))
    for check in chain.from_iterable(expected.values()):
        message = "the page does not show the check %s; hide no output"
        logger.warning(message, check["name"], location=check["place"])


def _line(view: View, check: dict) -> nodes.paragraph:
    """The claim, and how it was tried, with what would have shown as its title."""
    name, shows = check["name"], check["strength"]
    claim = nodes.inline("", check["claim"], classes=["claim"])
    link = view.link(check["method"], LEDGER, f"ledger-{name}", reftitle=shows)
    classes = ["check", "output", "text_html"]  # as myst-nb calls an output
    words = "✓ ", claim, " · ", link
    return paragraph(*words, classes=classes, ids=[f"check-{name}"])


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


def counted(view: View, mark: place) -> nodes.Text:
    """A number of `counts`, or of the recorded studies; an unknown name is an error."""
    name, known = mark["name"], _all_counts(view.env)
    if name not in known:
        message = f"{name!r} is not counted; {', '.join(known)} are"
        logger.warning(message, location=mark)
    return nodes.Text(f"{known.get(name, 0):,}")


@cache
def _all_counts(env: BuildEnvironment) -> dict[str, int]:
    pages = env.get_domain("question").problem_sets
    sets = {page.rpartition("/")[2]: counts(env, page).items() for page in pages}
    files = (Path(env.srcdir) / "results/studies").glob("*.json")
    runs = [len(json.loads(file.read_text("utf-8"))["runs"]) for file in files]
    found = counts(env, *pages) | {"studies": len(runs), "runs": sum(runs)}
    return found | {f"{name}:{what}": n for name in sets for what, n in sets[name]}


def counts(env: BuildEnvironment, *pages: str) -> dict[str, int]:
    """What these problem sets hold."""
    book = env.get_domain("question").book
    checks = [check for page in pages for check in checks_of(env, page)]
    kinds = Counter(check["kind"] for check in checks)
    asked = {q.id: q for page in pages for q in book.pages[page].questions}
    verdicts = [e.options.get("verdict") for q in asked.values() for e in q.errata]
    return {
        "questions": len(asked),
        "hours": round(sum(question.minutes for question in asked.values()) / 60),
        "checked": len(asked.keys() & {check["id"] for check in checks}),
        "checks": len(checks),
        "proved": sum(check["method"] == "proved by sympy" for check in checks),
        "on-domains": kinds["proved"],
        "integrals": kinds["enclosed"],
        **{f"{k}s": kinds[k] for k in ("gradient", "value", "expectation", "bound")},
        "altered": sum(check["mutants"] for check in checks),
        "errata": len(verdicts) - verdicts.count("right"),
        "looks-wrong": verdicts.count("right"),
    }


# ------------------------------------------------------------------ the ledger


def ledger(view: View, _) -> list[nodes.Node]:
    """The numbers in words, then each question with its checks, by problem set."""
    sections = []
    for page in view.known.problem_sets:
        rows = _questions(view, page)
        sections.append(view.section(page, table("ledger", LEDGER_HEAD, rows)))
    return [_summary(view), *sections]


def _summary(view: View) -> nodes.bullet_list:
    pages = view.known.problem_sets
    n, attacks = counts(view.env, *pages), _attacks(*pages)
    kinds = (_kind(c) for page in pages for c in checks_of(view.env, page))
    questions = view.known.questions.values()
    verdicts = (e.options.get("verdict") for q in questions for e in q.errata)
    wrong = _each(VERDICTS[v] for v in verdicts if v in VERDICTS and v != "right")
    lines = [
        f"Questions: {n['questions']}, of which {n['checked']} are checked",
        f"Checks: {n['checks']}{_each(kinds)}",
        f"Altered claims: {n['altered']:,}, each of them refused",
        f"Errata: {n['errata']}{wrong}",
        f"Places that look wrong and are right: {n['looks-wrong']}",
    ]
    for k, side in enumerate(SIDES, 3):
        if made := (tried := _tally(attacks, side))["made"]:
            rate = f"{tried['refused']:,} ({tried['refused'] / made:.1%}) were refused"
            lines.insert(k, f"Alterations in the code {SIDES[side]}: {made:,}; {rate}")
    items = [nodes.list_item("", paragraph(line)) for line in lines]
    return nodes.bullet_list("", *items)


def _questions(view: View, page: str) -> Iterator[nodes.row]:
    """A row with each question and its errata, and one for each check of these."""
    for question in view.known.book.pages[page].questions:
        label, errata = question.id, errata_of(question)
        head = row(view.to_question(label, between=": "))
        first = head[0]
        first["ids"], first["morecols"] = [label], len(LEDGER_HEAD) - 1
        for id in errata:
            first[0] += [nodes.Text(" · "), view.link(f"Erratum {id}", page, id)]
        head["classes"] = ["question"]
        yield head
        checks = [c for c in checks_of(view.env, page) if c["id"] in (label, *errata)]
        for check in checks:
            how = f"{_kind(check)}: {check['method']}; {check['strength']}"
            claim = view.link(check["claim"], page, f"check-{check['name']}")
            found = row(claim, how, str(check["mutants"]))
            if check["id"] != label:
                found[0][0].insert(0, nodes.Text(f"Erratum {check['id']}: "))
            found["ids"] = [f"ledger-{check['name']}"]
            yield found
        if not checks:
            none = row("no check")
            none[0]["morecols"] = len(LEDGER_HEAD) - 1
            yield none


def _kind(check: dict) -> str:
    if check["kind"] != "identity":
        return check["kind"]
    proved = check["method"].startswith("proved")
    return f"identity, {'proved' if proved else 'no proof'}"


def _each(names: Iterable[str]) -> str:
    counted = Counter(names).most_common()
    return f" ({', '.join(f'{n} {name}' for name, n in counted)})" if counted else ""


# ------------------------------------------------------------- altered claims


def altered(view: View, _) -> list[nodes.Node]:
    """What became of what was altered, from its record and the reasons given.

    A table of the problem sets, then of each the questions, what survived and why.
    """
    rows, sections, pages = [], [], view.known.problem_sets
    for page in pages:
        link = nodes.reference("", "", *view.title(page), refid=section_id(page))
        rows.append(_numbers(link, own := _attacks(page)))
        if own:
            sections.append(view.section(page, *_tried(view, page, own)))
    rows.append(_numbers("all", _attacks(*pages)))
    return [table("altered", ALTERED_HEAD, rows), *sections]


def _tried(view: View, page: str, runs: list[dict]) -> Iterator[nodes.Node]:
    rows, items, survived = [], [], defaultdict(list)
    for question in view.known.book.pages[page].questions:
        ids = question.id, *errata_of(question)
        if own := [run for run in runs if run["id"] in ids]:
            rows.append(_numbers(view.to_question(question.id, "", " "), own))
    yield table("altered", ALTERED_HEAD, rows)
    for run in runs:
        for one in run["survivors"]:
            survived[run["id"], one["side"], one["why"]].append(one)
    for (id, side, why), ones in survived.items():
        parts, between = [view.link(id, page, id)], f", {side}: "
        for one in ones:
            how = f" ({one['how']})" if one["how"] else ""
            what = nodes.inline("", one["what"], classes=["program"])  # it may break
            parts += [between, what, how]
            between = ", "
        text = paragraph(*parts, f". {' '.join(why.split())}")
        items.append(nodes.list_item("", text))
    if items:
        yield paragraph("What survived, and why it may:")
        yield nodes.bullet_list("", *items)


def _numbers(name: str | nodes.Node, runs: list[dict]) -> tuple[str | nodes.Node, ...]:
    """A row about some checks."""
    cells = [name]
    for n in (_tally(runs, side) for side in SIDES):
        cells += (f"{n[key]:,}" for key in ("made", "error", "survived"))
        cells.append(f"{100 * n['refused'] / n['made']:.1f}" if n["made"] else "–")
    return tuple(cells)


def _attacks(*pages: str) -> list[dict]:
    """What became of each check with altered sides, and why it may let one through."""
    from tools.run import mutants  # only here, since it takes a second

    known, runs = mutants.explained(), mutants.recorded()["runs"]
    runs = [run for run in runs if f"notebooks/{run['notebook']}" in pages]
    for run in runs:
        for one in run["survivors"]:
            one["why"] = known.get(mutants.key(run, one), "No reason is given.")
            one.setdefault("side", "stated")
    return runs


def _tally(runs: list[dict], side: str) -> Counter:
    """How many altered sides were made, refused, refused by an error, survived."""
    from tools.run import mutants

    n = mutants.total(runs, side)
    n["refused"] += n["error"]
    n["made"] = n["refused"] + n["survived"]
    return n

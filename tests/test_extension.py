"""What the Sphinx extension does that no page shows, and the page of the helpers."""

import inspect
import pkgutil
import re
from importlib import import_module
from types import FunctionType, SimpleNamespace

from browsing import SITE, needs_site
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx import addnodes

import helpers
from book.extension import records, views
from book.extension.questions import Known, Questions


def domain(**pages) -> Questions:
    """A domain that knows these pages; its environment reads no page."""
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"{there}.html")
    env = SimpleNamespace(app=SimpleNamespace(builder=builder), docname="book/page")
    known = Questions.__new__(Questions)
    known.env, known.data = env, {"pages": pages, "contents": {}, "order": []}

    def build(here, builder, page, label, name, role):
        return nodes.reference("", name, refuri=f"{page}.html#{label}")

    standard = SimpleNamespace(build_reference_node=build)
    env.get_domain = {"question": known, "std": standard}.get
    questions = {
        label: SimpleNamespace(id=label, number=number, page="notebooks/one")
        for label, number in (("gr-1", "1.1"), ("gr-2", "1.2"))
    }
    known.book = SimpleNamespace(questions=questions)
    return known


def test_a_reference_to_a_question_reads_no_page():
    env, document = domain().env, nodes.container()
    # the second says something else, and of the third Sphinx will say that it is none
    for target, explicit in (("gr-2", False), ("gr-2", True), ("gr-9", False)):
        asked = {"reftarget": target, "reftype": "ref", "refexplicit": explicit}
        document += addnodes.pending_xref("", nodes.inline("", "x"), **asked)
    views.name_questions(env, document)
    assert document.astext().split() == ["Exercise", "1.2", "x", "x"]
    assert document[0]["refuri"] == "notebooks/one.html#gr-2"


def test_what_a_page_said_is_forgotten_with_it_and_merged_from_elsewhere():
    first, second = Known(uses={"a": {"gr-2", None}}), Known(uses={"a": {"gr-1"}})
    known = domain(**{"one": first})
    known.merge_domaindata(["two"], {"pages": {"two": second, "one": None}})
    assert known.users("a") == ["gr-1", "gr-2"]
    known.clear_doc("one")
    assert known.users("a") == ["gr-1"] and known.users("b") == []


def test_growth_and_building_show_what_is_recorded():
    def run(config, seed, **values):
        return {"config": config, "seed": seed, "values": values}

    runs = [run({"sets": n}, 0, t=1000.0 * n) for n in (1, 2)]
    record = {"runs": runs, "exponent of t": 1, "half width of t": 0.5}
    head, row = records.growth(record)
    assert head == ("Part", "1 sets", "2 sets", "exponent")
    assert row == ("t", "1,000", "2,000", "1.00\u00a0±\u00a00.50")
    seconds = enumerate((30.0, 10.0, 12.0))
    runs = [run({"what": "one cell"}, seed, seconds=s) for seed, s in seconds]
    head, row = records.building({"runs": runs})
    assert head == ("What", "seconds", "range", "measured")
    assert row == ("one cell", "12", "10 to 30", "3")


# ------------------------------------------------------------ the page of the helpers

SOURCE = r"https://.+/blob/[^/]+/(helpers|claims)/\w+\.py#L\d+-L\d+"


def public_names():
    """(dotted name, object) of functions, classes, methods and properties."""
    modules = pkgutil.iter_modules(helpers.__path__, "helpers.")
    for module in ("claims.check", *(module.name for module in modules)):
        content = import_module(module)
        for name in getattr(content, "__all__", ()):
            found = getattr(content, name)
            is_class = inspect.isclass(found) and not issubclass(found, Exception)
            parts = inspect.getmembers(found) if is_class else []
            own = [(f".{part}", p) for part, p in parts if not part.startswith("_")]
            for part, member in [("", found), *own]:
                if isinstance(member, FunctionType | type | property):
                    yield f"{module}.{name}{part}", member


@needs_site
def test_each_public_helper_stands_there_with_docstring_signature_and_source():
    text = (SITE / "book/helpers.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser").find(id="helpers").parent
    names = dict(public_names())
    assert len(names) > 40
    described = {head["id"]: head for head in page.find_all("dt", id=True)}
    for name, found in names.items():
        same = (described.get(n) for n in (name, *names) if names[n] is found)
        head = next(filter(None, same), None)
        assert head, f"{name} is missing"
        first = inspect.getdoc(found).partition("\n")[0]
        said = head.find_next("dd").get_text()
        assert re.sub(r"\W", "", first) in re.sub(r"\W", "", said), name
        if inspect.isfunction(found):
            for parameter in set(inspect.signature(found).parameters) - {"self"}:
                assert parameter in head.get_text(), f"{name}: {parameter}"
        link = head.find("a", class_="external")
        assert link and re.fullmatch(SOURCE, link["href"]), name
    assert described.keys() <= names.keys()

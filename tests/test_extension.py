"""What the Sphinx extension does that no page shows."""

from __future__ import annotations

from types import SimpleNamespace

from docutils import nodes
from sphinx import addnodes

from book.extension import records, views
from book.extension.questions import Known, Questions


def domain(**pages) -> Questions:
    """A domain that knows these pages; its environment reads no page."""
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"{there}.html")
    env = SimpleNamespace(app=SimpleNamespace(builder=builder), docname="book/page")
    known = Questions.__new__(Questions)
    known.env, known.data = env, {"pages": pages, "contents": {}, "order": []}
    standard = SimpleNamespace(build_reference_node=build_reference_node)
    env.get_domain = {"question": known, "std": standard}.get
    known.book = SimpleNamespace(
        questions={
            label: SimpleNamespace(id=label, number=number, page="notebooks/one")
            for label, number in (("gr-1", "1.1"), ("gr-2", "1.2"))
        }
    )
    return known


def build_reference_node(here, builder, page, label, name, role):
    return nodes.reference("", name, refuri=f"{page}.html#{label}", role=role)


def test_a_reference_to_a_question_reads_no_page():
    env, document = domain().env, nodes.container()
    for target, explicit in (
        ("gr-2", False),
        ("gr-2", True),  # says something else
        ("gr-9", False),  # Sphinx will say that there is none
    ):
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
    runs = [_run({"sets": n}, 0, t=1000.0 * n) for n in (1, 2)]
    record = {"runs": runs, "exponent of t": 1, "half width of t": 0.5}
    assert records.growth(record) == [
        ("Part", "1 sets", "2 sets", "exponent"),
        ("t", "1,000", "2,000", "1.00\u00a0±\u00a00.50"),
    ]
    seconds = enumerate((30.0, 10.0, 12.0))
    runs = [_run({"what": "one cell"}, seed, seconds=s) for seed, s in seconds]
    assert records.building({"runs": runs}) == [
        ("What", "seconds", "range", "measured"),
        ("one cell", "12", "10 to 30", "3"),
    ]


def _run(config, seed, **values):
    return {"config": config, "seed": seed, "values": values}

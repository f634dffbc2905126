"""Formulas are set when the book is built: MathML, which browsers draw themselves.

MathJax reads the TeX and mathml.js writes its tree, both inside V8. The MathML of a
page is kept from build to build.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from py_mini_racer import mini_racer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from helpers.files import write_whole
from tools.workspace import BUILD

KEPT = BUILD / "cache" / "formulas"
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
SCRIPTS = ("startup.js", "core.js", "adaptors/liteDOM.js", "input/tex-full.js")
WRITER = Path(__file__).with_suffix(".js")
BROWSER = """
var global = globalThis, window, console = {log() {}, warn() {}, error() {}};
var setTimeout = (call) => call(), clearTimeout = () => {};
var MathJax = {startup: {typeset: false, ready() {}}, loader: {ready() {}}};
const MACROS = %s;"""
CLASS = "math notranslate nohighlight"  # Sphinx marks words that were searched for
BEFORE, AFTER = re.compile(r"[(\[“‘]+$"), re.compile(r"^[,.;:!?)\]”’]+")
logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Register all this."""
    inline, display = (show_inline, None), (show_display, None)
    app.add_html_math_renderer("mathml", inline, display)
    app.connect("doctree-read", set_formulas, priority=400)  # before titles are copied
    app.connect("doctree-resolved", keep_marks)


def set_formulas(app: Sphinx, document: nodes.document) -> None:
    """Give each formula of a page its MathML; a wrong formula is an error."""
    kinds = nodes.math, nodes.math_block
    found = [node for kind in kinds for node in document.findall(kind)]
    if not found:
        return
    keys = ["(["[is_display(node)] + tex_of(node) for node in found]
    macros = json.dumps(app.config.mathjax3_config["tex"]["macros"])
    made_by = [macros, WRITER.read_text("utf-8"), version("sphinx-mathjax-offline")]
    file = KEPT / f"{app.env.docname.replace('/', '.')}.json"
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    known = kept["formulas"] if kept.get("made by") == made_by else {}
    if new := [key for key in dict.fromkeys(keys) if key not in known]:
        known |= zip(new, convert(new, macros), strict=True)
        right = {key: known[key] for key in keys if known[key].startswith("<")}
        KEPT.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"made by": made_by, "formulas": right}, ensure_ascii=False)
        write_whole(file, lambda path: path.write_text(text, "utf-8"))
    for node, key in zip(found, keys, strict=True):
        node["mathml"] = known[key]
        if not known[key].startswith("<"):
            logger.warning("%s: %s", known[key], node.astext(), location=node)


def is_display(node: nodes.Node) -> bool:
    """Whether a formula stands by itself."""
    return isinstance(node, nodes.math_block)


def tex_of(node: nodes.math | nodes.math_block) -> str:
    """Its TeX; lines without an environment are aligned, as Sphinx does it."""
    tex = node.astext().strip()
    lines = "\\\\" in tex and not tex.startswith(r"\begin")
    return rf"\begin{{split}}{tex}\end{{split}}" if lines else tex


def convert(keys: Iterable[str], macros: str) -> list[str]:
    """The MathML of each formula, `[` before the TeX of a display, or what is wrong."""
    with mini_racer() as browser:
        browser.eval(BROWSER % macros)
        for script in (*(MATHJAX / name for name in SCRIPTS), WRITER):
            browser.eval(script.read_text("utf-8") + ";0")
        return json.loads(browser.eval(f"convertAll({json.dumps(list(keys))})"))


# ----------------------------------------------------------------- what pages show


def keep_marks(app: Sphinx, document: nodes.document, page: str) -> None:
    """Let brackets and commas belong to the formula beside them on a line."""
    for node in list(document.findall(nodes.math)):
        around = node.parent
        place = around.index(node)
        for side, step, mark in (("before", -1, BEFORE), ("after", 1, AFTER)):
            text = around[place + step] if 0 <= place + step < len(around) else None
            found = mark.search(text) if isinstance(text, nodes.Text) else None
            if found:
                node[side] = found[0]
                rest = text[: found.start()] + text[found.end() :]
                around.replace(text, nodes.Text(rest))


def _begin(writer: HTML5Translator, node: nodes.Element, name: str) -> str:
    """The tag, with the TeX for who copies it; `starttag` would join its lines."""
    tag = writer.starttag(node, name, "", CLASS=CLASS).removesuffix(">")
    return f'{tag} data-tex="{escape(tex_of(node))}">'


def show_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    before, after = (escape(node.get(side, "")) for side in ("before", "after"))
    formula = before + node["mathml"] + after
    writer.body.append(f"{_begin(writer, node, 'span')}{formula}</span>")
    raise nodes.SkipNode


def show_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands by itself, and its number."""
    writer.body.append(_begin(writer, node, "div"))
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(f"{node['mathml']}</div>\n")
    raise nodes.SkipNode

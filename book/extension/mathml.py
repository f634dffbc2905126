"""Formulas are set when the book is built: MathML, which browsers draw themselves.

MathJax reads the TeX and mathml.js writes its tree, both inside V8. The MathML of a
page is kept from build to build.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from html import escape, unescape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from fontTools import subset
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont
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
FONT = WRITER.parents[1] / "fonts" / "latinmodern-math.otf"
BROWSER = """
var global = globalThis, window, console = {log() {}, warn() {}, error() {}};
var setTimeout = (call) => call(), clearTimeout = () => {};
var MathJax = {startup: {typeset: false, ready() {}}, loader: {ready() {}}};
const MACROS = %s;"""
CLASS = "math notranslate nohighlight"  # Sphinx marks words that were searched for
ACCENTS = "ˆ˜¯˙"
BRACKETS = "()[]{}|‖∣∥⌊⌋⌈⌉⟨⟩/"
BEFORE, AFTER = re.compile(r"[(\[“‘]+$"), re.compile(r"^[,.;:!?)\]”’]+")
TAG = re.compile(r"<[^>]*>")
LETTER = re.compile(r"<mi>(.)</mi>")  # browsers make it italic
ITALIC = {"A": 0x1D434, "a": 0x1D44E, "\u0391": 0x1D6E2, "\u03b1": 0x1D6FC}
# least heights of brackets, of \\big to \\Bigg; 1000 is the size of the font
BIG = {"ss01": 1150, "ss02": 1700, "ss03": 2300, "ss04": 2900}
OTHERS = {"h": 0x210E, "\u2202": 0x1D715, "\u03d5": 0x1D719, "\u03f5": 0x1D716}
logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Register all this."""
    inline, display = (show_inline, None), (show_display, None)
    app.add_html_math_renderer("mathml", inline, display)
    app.connect("doctree-read", set_formulas, priority=400)  # before titles are copied
    app.connect("doctree-resolved", keep_marks)
    app.connect("build-finished", cut_font)


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


# ------------------------------------------------------------------------ the font


def cut_font(app: Sphinx, error: Exception | None) -> None:
    """Write the part of the mathematical font that the formulas of the book need."""
    if error or app.builder.format != "html":
        return
    pages = [json.loads(path.read_text("utf-8")) for path in KEPT.glob("*.json")]
    text = "".join(xml for page in pages for xml in page["formulas"].values())
    signs = {*unescape(TAG.sub("", text)), *map(italic, LETTER.findall(text)), "√"}
    signs = "".join(sorted(signs))
    made_from = signs + Path(__file__).read_text("utf-8")
    font = KEPT / f"{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.woff2"
    if not font.exists():
        for old in KEPT.glob("*.woff2"):
            old.unlink()
        options = subset.Options(flavor="woff2", layout_features=[*BIG])
        with subset.load_font(FONT, options) as whole:
            del whole["FFTM"]  # when it was made
            lower_accents(whole)
            scripts = whole["MATH"].table.MathConstants
            scripts.SuperscriptBaselineDropMax.Value = 386  # TeX has it for letters,
            scripts.SubscriptBaselineDropMin.Value = 50  # too, where engines do not
            addOpenTypeFeaturesFromString(whole, sizes_of_brackets(whole))
            subsetter = subset.Subsetter(options)
            subsetter.populate(text=signs)
            subsetter.subset(whole)
            write_whole(font, lambda path: subset.save_font(whole, path, options))
    shutil.copy(font, Path(app.outdir) / "_static" / "math.woff2")


def sizes_of_brackets(font: TTFont) -> str:
    """Features that show brackets in the sizes of the macros \\big to \\Bigg.

    The engines agree on them; what they make of `minsize` differs in width.
    """
    variants = font["MATH"].table.MathVariants
    names = variants.VertGlyphCoverage.glyphs
    all = dict(zip(names, variants.VertGlyphConstruction, strict=True))
    text = ""
    for feature, least in BIG.items():
        text += f"feature {feature} {{"
        for name in (font.getBestCmap()[ord(sign)] for sign in BRACKETS):
            sizes = all[name].MathGlyphVariantRecord
            fitting = [v.VariantGlyph for v in sizes if v.AdvanceMeasurement > least]
            text += f"sub {name} by {fitting[0]};"
        text += f"}} {feature};"
    return text


def lower_accents(font: TTFont) -> None:
    """Let accents stand on the base line.

    Some engines put the ink of an accent onto a letter, others its base line.
    """
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    top = font["CFF "].cff.topDictIndex[0]
    for name in (names[ord(sign)] for sign in ACCENTS):
        bounds, pen = BoundsPen(glyphs), T2CharStringPen(glyphs[name].width, glyphs)
        glyphs[name].draw(bounds)
        glyphs[name].draw(TransformPen(pen, (1, 0, 0, 1, 0, -bounds.bounds[1])))
        old = top.CharStrings[name]
        top.CharStrings[name] = pen.getCharString(old.private, old.globalSubrs)


def italic(letter: str) -> str:
    """The character that a browser shows for a variable of one letter."""
    first = next((f for f in "αΑaA" if f <= letter <= chr(ord(f) + 25)), None)
    code = OTHERS.get(letter) or (first and ITALIC[first] + ord(letter) - ord(first))
    return chr(code) if code else letter

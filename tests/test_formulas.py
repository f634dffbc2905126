"""Formulas as MathML: what TeX means, in what all engines draw alike."""

from __future__ import annotations

import json
from html import unescape

import pytest
from browsing import PAGES, SITE, needs_site
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from small_book import PAGE, Book

from book.extension.cutting import BIG
from book.extension.fonts import italic
from book.extension.mathml import convert

MACROS = json.dumps({"R": r"\mathbb{R}", "norm": [r"\left\lVert #1 \right\rVert", 1]})
LONG = "a=b+c+d+e+f+g+h+i+j+k=l+m+n"
RIGHT = [  # a display begins with a bracket; what its MathML has
    ("a=b", 'lspace="0.2778em" rspace="0.2778em">=<'),
    ("x^{a=b}", 'lspace="0em" rspace="0em">=<'),
    ("a-b", 'lspace="0.2222em" rspace="0.2222em">−<'),
    ("-b", 'lspace="0em" rspace="0em">−<'),
    (r"\log\frac12", '<mi>log</mi><mspace width="0.1667em"/><mfrac'),
    (r"\R\mathcal N\mathbf x", "<mi>ℝ</mi><mi>𝒩</mi><mi>𝐱</mi>"),
    (r"\bigl(x", 'class="big1" stretchy="false">(<'),
    (r"\Biggl(x", 'class="big4" stretchy="false">(<'),
    (r"\norm{v}", 'stretchy="false">‖<'),
    (r"\norm{\hat v}", 'stretchy="true">‖<'),
    (r"\left(\frac12\right)", 'stretchy="true">(<'),
    ("f'", '<mrow><mi>f</mi><mo lspace="0em" rspace="0em">′</mo></mrow></math>'),
    ("f'^2", "′</mo></mrow><mrow><mn>2</mn></mrow></msup>"),
    ("w'_i", "′</mo></mrow><mi>i</mi></msub>"),
    (r"\hat y", '<mover accent="true"><mi>y</mi><mo lspace="0em" rspace="0em"'),
    (r"\hat y", ">ˆ</mo>"),
    (r"\overline{xy}", '<mrow class="overline"><mrow><mi>x</mi><mi>y</mi>'),
    (
        r"[\tfrac12\frac12",
        '<mfrac class="compact"><mn>1</mn><mn>2</mn></mfrac></mstyle>',
    ),
    (r"[\tfrac12\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac></math>"),
    (r"[\begin{aligned}a&=b\\&=c\end{aligned}", 'class="aligned"><mtr><mtd><mi>a'),
    (r"[\begin{cases}1&2\\3&4\end{cases}", 'stretchy="true">{</mo><mtable'),
    (r"[\begin{pmatrix}1&2\end{pmatrix}", '<mtable class="matrix"><mtr><mtd><mn>1'),
    (r"\bigl(a+b\bigr)'=c+" + LONG, "=</mo></math><wbr><math>"),
    (LONG, "+</mo></math><wbr><math>"),
]
NOT = [  # what it has not
    ("f'", "<msup>"),
    ("w'_i", "<msubsup>"),
    ("a=b", "<wbr>"),
    (f"[{LONG}", "<wbr>"),
    ("(a+b+c+d+e)=x+y+z+u+v+w", "</math><wbr><math><mi>e"),
    ("(a+b+c+d+e)=x+y+z+u+v+w", "</math><wbr><math><mi>d"),
    (r"\log x", "\u2061"),
]
WRONG = [
    (r"\frac{1", "Missing close brace"),
    (r"\nowhere", r"Undefined control sequence \nowhere"),
    (r"\mathfrak{a}", "the letter a cannot be fraktur"),
    (r"[\boxed{x}", "<menclose> is not known to"),
]


@pytest.fixture(scope="module")
def mathml():
    all = [tex for tex, _ in RIGHT + NOT + WRONG]
    keys = [tex if tex[0] == "[" else f"({tex}" for tex in all]
    return dict(zip(all, convert(keys, MACROS), strict=True))


@pytest.mark.parametrize("tex, part", RIGHT)
def test_mathml_has_what_engines_need(mathml, tex, part):
    assert part in mathml[tex]


@pytest.mark.parametrize("tex, part", NOT)
def test_mathml_has_nothing_more(mathml, tex, part):
    assert mathml[tex].startswith("<math") and part not in mathml[tex]


@pytest.mark.parametrize("tex, message", WRONG)
def test_a_wrong_formula_has_no_mathml_but_a_message(mathml, tex, message):
    assert message in mathml[tex] and not mathml[tex].startswith("<math")


@pytest.mark.parametrize("formula", [r"$\frac{1$", "\n$$\n\\nowhere\n$$\n"])
def test_a_wrong_formula_fails_the_build_with_its_line(tmp_path, formula):
    book = Book(tmp_path)
    with book.edited(PAGE, "One sentence.", f"One sentence.\n\nHere: {formula}"):
        said = book.build(expect=1)
    line = book.read(PAGE).split("\n").index("One sentence.") + 3
    assert f"small.md:{line}: " in said or f"small.md:{line + 2}: " in said, said


@needs_site
@pytest.mark.parametrize("name", PAGES)
def test_each_formula_is_set_keeps_its_tex_and_has_its_characters(name):
    font = TTFont(SITE / "_static" / "math.woff2")
    page = BeautifulSoup((SITE / name).read_text("utf-8"), "html.parser")
    for formula in page.select(".math"):
        assert formula["data-tex"].strip() and formula.math, formula
        texts = [e.get_text() for e in formula.select("mi:not([mathvariant]), mo, mn")]
        signs = {italic(text) if len(text) == 1 else text for text in texts}
        assert {*map(ord, unescape("".join(signs)))} <= font.getBestCmap().keys()
    assert not page.article or "\\(" not in page.article.get_text()
    features = {f.FeatureTag for f in font["GSUB"].table.FeatureList.FeatureRecord}
    assert features >= BIG.keys()

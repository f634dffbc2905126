"""What tools/source/notebook.py makes of each piece of syntax, and what it refuses."""

import re
import subprocess
import sys

import nbformat
import nbformat.v4 as nbf
import pytest
import sympy
from browsing import ROOT
from sources import Sources, code, solved

from claims import check
from helpers import results
from tools.source import notebook


class Book(Sources):
    """A small book of which notebooks are made."""

    def lower(self, source: str) -> nbformat.NotebookNode:
        """The notebook of a page with this text below its title."""
        self.write("notebooks/one.md", f"# One\n\n{source}\n")
        book = self.read()
        return nbformat.reads(notebook.text_of(book, book.pages["notebooks/one"]), 4)

    def command(self, *arguments: str) -> int:
        return notebook.main([*arguments], self.root)

    def text(self, source: str) -> str:
        """The text of all its Markdown cells, without the title."""
        cells = [c for c in self.lower(source).cells if c.cell_type == "markdown"]
        return "\n\n".join(cell.source for cell in cells).removeprefix("# One\n\n")

    def execute(self, *outputs: list) -> None:
        """Write an execution of `CHECKED` with these outputs of its code cells."""
        cells = [
            nbf.new_code_cell(source, outputs=shown, execution_count=7)
            for source, shown in zip(CELLS_OF_CHECKED, outputs, strict=True)
        ]
        executed = nbformat.writes(nbf.new_notebook(cells=cells))
        self.write("_build/executed/notebooks/one.ipynb", executed)


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook, "EXECUTED", tmp_path / "_build/executed")
    return Book(tmp_path)


def shown(line: str) -> nbformat.NotebookNode:
    """The output of a check."""
    data = {"text/plain": line, "text/html": f"<p>{line}</p>", "text/latex": "x"}
    return nbf.new_output("execute_result", data, metadata={"check": {"id": "gr-1-1"}})


def test_a_question_is_a_heading_with_an_anchor_and_a_collapsed_section(book):
    title = "A *norm* $x \\in \\R$"
    notebook = book.lower(solved("Text.\n\n" + code("1 + 1"), "gr-1-1a", title))
    exercise, heading, text, cell = notebook.cells[-4:]
    assert exercise.id == "gr-1-1a"
    assert exercise.source == (
        '### Exercise 1.1 (A *norm* $x \\in \\mathbb{R}$) <a id="gr-1-1a"></a>\n\n'
        "*Difficulty 1, 5 minutes.* Task.\n\n<details>\n<summary>Answer</summary>\n\n"
        "In short, *A *norm* $x \\in \\mathbb{R}$*.\n\n</details>"
    )
    assert heading.source == "### Solution to [Exercise 1.1](#gr-1-1a)"
    own = {"id": "gr-1-1a-solution", "jp-MarkdownHeadingCollapsed": True}
    assert heading.metadata == own
    assert notebook.metadata.colab.collapsed_sections == [heading.id]
    assert (text.source, cell.source) == ("Text.", "1 + 1")


def test_depth_folds_behind_its_title_and_asides_hide_their_code(book):
    depth = "```{deeper-start} More on $\\R$\n```\n\nText.\n\n"
    depth += code("---\ntags: [set-up]\n---\nx = 1") + "\n```{deeper-end}\n```"
    notebook = book.lower(solved(f"Main.\n\n{code('y = 2')}\n{depth}", "gr-1-1a"))
    *_, plain, heading, text, aside = notebook.cells
    assert heading.source == "#### Going deeper: More on $\\mathbb{R}$"
    assert heading.metadata["jp-MarkdownHeadingCollapsed"]
    assert heading.id in notebook.metadata.colab.collapsed_sections
    assert (text.source, aside.source) == ("Text.", "x = 1")
    assert aside.metadata["jupyter"] == {"source_hidden": True}
    assert aside.metadata["cellView"] == "form" and plain.metadata == {}


INTERACTIVE = "```{interactive} rate\n:name: fig-gr-1-1\n:alt: A line.\n\n$\\R$.\n```"
TEXTS = {
    "a hint folds, and the Markdown in it is rendered": (
        "```{hint} Hint 2\n:class: dropdown\n\nUse **this**.\n\n- $\\R$\n```",
        "<details>\n<summary>Hint 2</summary>\n\nUse **this**.\n\n- $\\mathbb{R}$\n\n"
        "</details>",
    ),
    "notes are quotations in which formulas take one line": (
        "```{note}\nOne $a\n= b$ two.\n\n$$\na \\\\\nb\n$$ (eq-gr-1-1)\n```\n\n"
        "```{warning} Careful\nthere.\n```\n\n```{admonition} On $\\R$\n- item\n```",
        "> **Note**\n>\n> One $a = b$ two.\n>\n"
        '> <a id="eq-gr-1-1"></a> $$ a \\\\ b \\tag{1.1} $$\n\n'
        "> **Warning**\n>\n> Careful there.\n\n> **On $\\mathbb{R}$**\n>\n> - item",
    ),
    "an erratum says its verdict and its title": (
        "See {ref}`gr-e3`.\n\n```{erratum} gr-e3\n:question: gr-1-1\n:verdict: wrong\n"
        "The sign of $\\E$ is lost\n\n**Printed.** This.\n```",
        'See [Erratum gr-e3](#gr-e3).\n\n> <a id="gr-e3"></a>**Erratum gr-e3 (wrong): '
        "The sign of $\\operatorname{E}$ is lost**\n>\n> **Printed.** This.",
    ),
    "an erratum on what is right says so": (
        "```{erratum} gr-e4\n:question: gr-2-1\n:verdict: right\nTitle\n\nText.\n```",
        '> <a id="gr-e4"></a>**Erratum gr-e4 (looks wrong and is right): Title**\n>\n'
        "> Text.",
    ),
    "a labelled equation carries its number, also in a list": (
        "$$\n\\begin{aligned}\na &= b \\\\\n  &= \\R\n\\end{aligned}\n$$ (eq-gr-1-1)"
        "\n\n1. one\n\n   $$ c $$ (eq-gr-1-2)\n\n   $$ d $$\n",
        '<a id="eq-gr-1-1"></a>\n$$\n\\begin{aligned}\na &= b \\\\\n  &= \\mathbb{R}\n'
        '\\end{aligned} \\tag{1.1}\n$$\n\n1. one\n\n   <a id="eq-gr-1-2"></a>\n'
        "   $$\n   c \\tag{1.2}\n   $$\n\n   $$\n   d\n   $$",
    ),
    "an interactive figure is its caption with a link to the site": (
        f"{INTERACTIVE}\n\nAs {{ref}}`fig-gr-1-1` shows.",
        '<a id="fig-gr-1-1"></a>*Fig. 1.1.* $\\mathbb{R}$. [This figure moves on the '
        "site](https://example.github.io/book/notebooks/one.html#fig-gr-1-1).\n\n"
        "As [Fig. 1.1](#fig-gr-1-1) shows.",
    ),
    "what follows a solution does not fold away with it": (
        solved("Text.") + "\nAfterwards.\n\n## Next\n",
        "…### Remarks on [Exercise 1.1](#gr-1-1)\n\nAfterwards.\n\n## Next",
    ),
    "numbers run through a chapter and begin anew in the next": (
        solved("A.") + solved("B.", "gr-1-2") + "\n## Next\n\n{ref}`gr-2-1`",
        '…### Exercise 1.2 (First) <a id="gr-1-2"></a>\n\n*Difficulty 1, 5 minutes.* '
        "Task.\n\n<details>\n<summary>Answer</summary>\n\nIn short, *First*.\n\n"
        "</details>\n\n### Solution to [Exercise 1.2](#gr-1-2)\n\nB.\n\n## Next\n\n"
        "[Exercise 2.1](two.ipynb#gr-2-1)",
    ),
}


@pytest.mark.parametrize("source, text", TEXTS.values(), ids=TEXTS)
def test_text(book, source, text):
    (book.root / "book/figures").mkdir()
    book.write("book/figures/rate.svg", "<svg/>")
    found = book.text(source)
    assert found.endswith(text[1:]) if text[0] == "…" else found == text


def test_a_figure_gets_its_caption_and_code_keeps_only_its_tags(book):
    notebook = book.lower(
        "```{code-cell} ipython3\n---\ntags: [hide-input]\nmystnb:\n  figure:\n"
        "    name: fig-gr-1-1\n    caption: A line in $\\R$.\n  image:\n"
        "    alt: A line.\n---\nplt.plot([0, 1])\n```\n\nAs {ref}`fig-gr-1-1` shows."
    )
    code, text = notebook.cells[-2:]
    assert code.source == "plt.plot([0, 1])"
    assert code.metadata.tags == ["hide-input"]
    assert text.source == (
        '<a id="fig-gr-1-1"></a>*Fig. 1.1. A line in $\\mathbb{R}$.*\n\n'
        "As [Fig. 1.1](#fig-gr-1-1) shows."
    )


MACROS = r"""
\R^n => \mathbb{R}^n  |  x_\R => x_{\mathbb{R}}  |  \E [x] => \operatorname{E} [x]
\norm{x}y => \lVert x\rVert y  |  \Rn \\R \\\R => \Rn \\R \\\mathbb{R}
\sq{\norm{\R} + {\{}} => \lVert \lVert \mathbb{R}\rVert + {\{}\rVert^2
\KL{p_{\R}} {q} => D(p_{\mathbb{R}} \| q)
"""


@pytest.mark.parametrize("case", re.split(r"\n|  \|  ", MACROS.strip()))
def test_macros_are_expanded(book, case):
    tex, plain = case.split(" => ")
    assert book.text(f"${tex}$") == f"${plain}$"


@pytest.mark.parametrize(
    "source, text",
    [
        ("{eq}`eq-gr-1-1`", "[(1.1)](#eq-gr-1-1)"),
        ("{eq}`eq-gr-2-1`", "[(2.1)](two.ipynb#eq-gr-2-1)"),
        ("{ref}`gr-2-1`", "[Exercise 2.1](two.ipynb#gr-2-1)"),
        ("{ref}`the *other* one <gr-2-1>`", "[the *other* one](two.ipynb#gr-2-1)"),
        ("{ref}`here`", "[Here](#here)"),
        ("{ref}`words`", "[Notation]({}/book/notation.md#words)"),
        ("{eq}`eq-wo-1`", "[(1)]({}/book/notation.md#eq-wo-1)"),
        ("{doc}`../book/notation`", "[Notation]({}/book/notation.md)"),
        ("{doc}`signs </book/notation>`", "[signs]({}/book/notation.md)"),
        ("{doc}`two`", "[Two](two.ipynb)"),
        ("[a [b] $\\R$](two.md)", "[a [b] $\\mathbb{{R}}$](two.ipynb)"),
        ("[](#gr-2-1)", "[Exercise 2.1](two.ipynb#gr-2-1)"),
        ("[code](../_toc.yml)", "[code]({}/_toc.yml)"),
        ("[web](https://a.b/c#d)", "[web](https://a.b/c#d)"),
        ("`{eq}` and `$\\R$`", "`{{eq}}` and `$\\R$`"),
        ("\\`$\\R$\\`", "\\`$\\mathbb{{R}}$\\`"),
        ("| a |\n|---|\n| {eq}`eq-gr-1-1` |", "| a |\n|---|\n| [(1.1)](#eq-gr-1-1) |"),
    ],
)
def test_links_lead_somewhere(book, source, text):
    rest = "\n\n(here)=\n## Here\n\n$$ x $$ (eq-gr-1-1)\n"
    expected = text.format("https://github.com/example/book/blob/main")
    assert book.text(source + rest).startswith(expected + "\n\n## Here")


def test_a_recorded_number_is_looked_up_and_formatted(book, monkeypatch):
    recorded = {("study", "relu,he.accuracy.mean"): 0.93456}
    monkeypatch.setattr(results, "lookup", lambda *key: recorded[key])
    assert book.text("{recorded}`study:relu,he.accuracy.mean:.1%`.") == "93.5%."


def test_ids_of_cells_are_unique_and_stay_when_another_exercise_is_added(book):
    page = solved("Text.\n\n" + code("1") + "\nMore.")
    before = [cell.id for cell in book.lower(page).cells]
    added = page.replace("gr-1-1", "gr-1-0") + page
    after = [cell.id for cell in book.lower(added).cells]
    assert len(after) == len(set(after))
    assert [id for id in after if "gr-1-0" not in id] == before


def test_writing_and_comparing(book, capsys):
    one, two = (book.root / f"notebooks/{name}.ipynb" for name in ("one", "two"))
    assert book.command("notebooks/one.md") == 0 and not two.exists()
    first = one.read_bytes()
    assert first.endswith(b"}\n")
    one.unlink()
    assert book.command() == 0 and book.command("--check") == 0
    assert one.read_bytes() == first
    installing = [nbformat.read(path, 4).cells[1] for path in (one, two)]
    assert installing[0] == installing[1] and installing[0].cell_type == "code"
    guard, command = installing[0].source.splitlines()
    assert "--no-deps git+https://github.com/example/book" in command

    book.write("notebooks/one.md", "# One\n\nAnother sentence.\n")
    assert book.command("--check") == 1
    assert "one.ipynb is not what" in capsys.readouterr().out
    assert one.read_bytes() == first
    assert not list(book.root.glob("notebooks/*.tmp"))


def test_what_the_command_cannot_write_it_names(book, capsys):
    assert book.command("notebooks/three.md") == 1
    assert capsys.readouterr().err == "not in _toc.yml: notebooks/three\n"
    book.write("notebooks/one.md", "# One\n\n{ref}`nowhere`\n")
    assert book.command() == 1
    assert capsys.readouterr().err == "notebooks/one.md:3: no label nowhere\n"


@pytest.mark.parametrize(
    "source, message",
    [
        ("```{note}\n:name: x\nText\n```", "3: {note} has no option :name:"),
        (INTERACTIVE, "3: no interactive figure 'rate'; there are:"),
        (":::{note}\nText\n:::", "3: {note} is not"),
        ("Text\n\n<b>bold</b> text", "5: html_inline is not"),
        ("<div>x</div>", "3: html_block is not"),
        ("% comment", "3: myst_line_comment is not"),
        ("> quoted", "3: blockquote is not"),
        ("![alt](x.png)", "3: image is not"),
        ("\\begin{align}\nx\n\\end{align}", "3: amsmath is not"),
        ("- a\n\n  ```{note}\n  x\n  ```", "5: {note} is not"),
        ("```{note}\nText\n\n{ref}`nowhere`\n```", "6: no label nowhere"),
        ("{eq}`eq-nowhere`", "3: no label eq-nowhere"),
        ("{numref}`x`", "3: unknown role {numref}"),
        ("{doc}`nowhere`", "3: no file notebooks/nowhere.md"),
        ("[x](nowhere.md)", "3: no file notebooks/nowhere.md"),
        ("[x](two.md#gr-2-1)", "3: write (#gr-2-1) without"),
        ("[x][y]\n\n[y]: http://a.b", "3: link_open in a form"),
        ("so\n$$\nx\n$$", "4: a dollar sign that"),
        ("It costs \\$5.", "3: a dollar sign that"),
        ("Text\n$\\norm x$", "4: \\norm needs its arguments"),
        ("$$\nx\n\ny\n$$", "3: an empty line in a formula"),
        ("#### Deep", "3: a heading is written"),
        ("(label)=\n```{note}\nx\n```", "4: a label before {note}"),
        ("```{note}\n# Heading\n```", "4: heading inside a directive"),
        ("```{admonition} # one\nText\n```", "3: '# one' is more than plain words"),
        ("{recorded}`nothing:here:.1%`", "3: "),
        ("{recorded}`nothing`", "3: not enough values"),
    ],
)
def test_what_is_not_understood_is_an_error_with_file_and_line(book, source, message):
    with pytest.raises(notebook.SourceError, match=re.escape(message)) as error:
        book.lower(source)
    assert re.match(r"notebooks/(one|two)\.md:\d+: ", str(error.value))


CELLS_OF_CHECKED = ['print("training ...")', 'x = 1\ncheck.value("gr-1-1", x, 1)']
CHECKED = "".join(map(code, CELLS_OF_CHECKED))
NOISE = nbf.new_output("stream", name="stdout", text="training ...")


def test_only_cells_with_a_check_keep_their_output(book):
    book.execute([NOISE], [shown("✓ equal")])
    title, install, noise, kept = book.lower(CHECKED).cells
    assert install.outputs == noise.outputs == []
    (output,) = kept.outputs
    assert output.data == {"text/html": "<p>✓ equal</p>", "text/plain": "✓ equal"}
    assert output.execution_count == 3 and output.metadata == {}
    assert kept.metadata.tags == ["nbval-check-output"]
    assert "tags" not in noise.metadata


@pytest.mark.parametrize("new, status", [("5e-16 at 20", 0), ("3e-16 at 21", 1)])
def test_a_committed_output_stays_while_only_its_last_digits_differ(book, new, status):
    book.write("notebooks/one.md", f"# One\n\n{CHECKED}\n")
    old, new = (f"✓ autograd agrees to {end} points" for end in ("3e-16 at 20", new))
    book.execute([NOISE], [shown(old)])
    assert book.command() == 0
    book.execute([NOISE], [shown(new)])
    assert book.command("--check") == status
    (output,) = book.lower(CHECKED).cells[-1].outputs
    assert output.data["text/plain"] == (new if status else old)


def test_an_execution_that_gives_no_reference_is_refused(book):
    more = "shows more than its check"
    refused = [(None, "is missing"), ([NOISE], more), ([shown("✓"), NOISE], more)]
    for outputs, message in [*refused, ([shown("✓")], "is of another source")]:
        if outputs:
            book.execute([], outputs)
        source = CHECKED.replace("x = 1", "x = 2" if "source" in message else "x = 1")
        with pytest.raises(notebook.SourceError, match=message):
            book.lower(source)


CHANGES = """
bound("q", [1, 2.5], [1.3, 3], claim="a < b") ! of 0.2 ! of 0.3 ! PASSED
enclosed("q", x, 1 / 2, (x, 0, 1)) ! to within 1e-1 ! to within 2e-1 ! PASSED
gradient("q", lambda x: (x**2).sum(), lambda x: 2 * x, 3) ! to 1e-16 ! to 5e-15 ! PASSED
value("q", 0.1 + 0.2, 0.3) ! an error of 1e-09 ! an error of 1e-03 ! FAILED
value("q", 2, 2 * 1) ! number equal ! number computed and compared ! FAILED
value("q", 3, 3 * 1, claim="three") ! three ! four ! FAILED
"""  # of the reference: a check, what is replaced in its output, what nbval says
CHANGES = [line.split(" ! ") for line in CHANGES.strip().split("\n")]


def test_nbval_notices_another_method_or_claim_but_no_other_rounding(tmp_path):
    opening = "import sympy\nfrom claims import check\nx = sympy.Symbol('x')"
    cells = [nbf.new_code_cell(opening, id="import")]
    for source, old, new, _ in CHANGES:
        cells.append(cell := nbf.new_code_cell(f"check.{source}"))
        names = {"check": check, "x": sympy.Symbol("x")}
        line, page = eval(cell.source, names)._repr_mimebundle_()[0].values()
        assert old in page
        both = {"text/plain": line, "text/html": page}
        data = {kind: text.replace(old, new) for kind, text in both.items()}
        cell.outputs = [nbf.new_output("execute_result", data, execution_count=1)]
        cell.execution_count = 1
        cell.metadata["tags"] = ["nbval-check-output"]
    nbformat.write(nbf.new_notebook(cells=cells), tmp_path / "checks.ipynb")
    words = "-m pytest -v -p no:cacheprovider --nbval-lax --nbval-sanitize-with"
    command = [sys.executable, *words.split(), ROOT / "tests/nbval.ini", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    verdicts = re.findall(r"Cell \d+ (PASSED|FAILED)", run.stdout)
    assert verdicts == ["PASSED", *(verdict for *_, verdict in CHANGES)], run.stdout

"""What tools/source/lint.py finds, and that it is silent about a good book."""

import re

import pytest
from sources import HEADER, Sources, code, solved

from tools.source import lint
from tools.workspace import SourceError

FIGURE = """\
---
mystnb:
  figure:
    name: fig-gr-1-1a
    caption: A line.
  image:
    alt: A straight line.
---
"""
GOOD = f"""\
{HEADER}# Title

{code("import matplotlib.pyplot as plt; from claims import check; import torch")}
(place)=
## Problem 1: Lines

```{{exercise}} A task
:label: gr-1-1a

*Difficulty 1, 5 minutes.* Text with [a link](#place).
```

```{{hint}} Hint 1
:class: dropdown

Think.
```

```{{answer}} gr-1-1a
It is this.
```

```{{solution-start}} gr-1-1a
:class: dropdown
```

$$
\\begin{{aligned}} a &= b \\end{{aligned}}
$$ (eq-gr-1-1a-sum)

```{{code-cell}} ipython3
{FIGURE}# one comment
fig, ax = plt.subplots()
ax.plot([0, 1])  # and one beside the code
```

```{{code-cell}} ipython3
plt.rcParams["font.size"] = 11

def draw(ax):
    ax.plot(later)

later = [0, 1]
check.value("gr-1-1a", later, [0, 1], claim="Both are there")
```

```{{erratum}} gr-e1
:question: gr-1-1a
:verdict: wrong
The printed line

Text.
```

```{{solution-end}}
```

## Problem 2: Words
{solved("Because.", "gr-2-1")}"""


# what is replaced => by what @ at whose line ! what is said; ↵ is the end of a line
FAULTS = r"""
:label: gr-1-1a => :label: one @ {exercise} A ! 'one' of this exercise is
:label: gr-1-1a↵ =>  @ {exercise} A ! {exercise} lacks :label:
:label: gr-1-1a => :label:gr-1-1a @ {exercise} A ! are not YAML: no pairs
:label: gr-1-1a => :label: [ @ {exercise} A ! options that are not YAML
  image:↵    alt: =>   image:↵  alt: @ {code-cell} ipython3↵- ! image is not pairs
{exercise} A task => {excercise} A task @ {exc ! is it {exercise}?
{solution-start} gr-1 => {solution} gr-1 @ {sol ! is it {solution-start}?
{hint} Hint 1 => {figure} x.png @ {fig ! unknown directive {figure}
{exercise} A task => {exercise} A `b` @ {exe ! of {exercise} cannot hold `
eq-gr-1-1a-sum => sum @ $$↵\beg ! 'sum' of this equation is not like eq-
eq-gr-1-1a-sum => place @ $$↵\beg ! the label place is taken
fig-gr-1-1a => line @ {code-cell} ipython3↵- ! of this figure is not
start} gr-1-1a => start} gr-1-1b @ {sol ! no exercise gr-1-1b waits
start} gr-1-1a => start} gr-1-1b @ {exe ! gr-1-1a has no solution
```{solution-end}↵```↵↵## => ## @ ## Problem 2 ! heading inside the sol
```{hint} => ```{solution-end}↵```↵↵```{hint} @ {sol ! was not started
$$↵\begin => ## Heading↵↵$$↵\begin @ ## Heading ! heading inside
Because.↵↵```{solution-end}↵```↵ => Because.↵ @ Because ! gr-2-1 has no end
It is this. => It is this: CHECK @ {answer} gr-1-1a ! an answer of 61 words, at most
```{answer} gr-1-1a↵It is this.↵```↵ =>  @ ```{exercise} A ! gr-1-1a has no {answer}
{answer} gr-1-1a => {answer} gr-2 @ {answer} gr-2 ! no exercise gr-2 waits for
It is this.↵``` => It.↵```↵↵```{answer} gr-1-1a↵2↵``` @ {answer} gr-1-1a↵2 ! an answer
Because.↵ => ```{deeper-end}↵```↵ @ {deeper-end} ! comes in turn, and inside
Because.↵ => ```{deeper-start} A↵```↵ @ {deeper-start} ! has no end
Because.↵ => ```{deeper-start}↵```↵↵```{deeper-end}↵```↵ @ {deeper-s ! with a
Think.↵```↵ => Think.↵```↵↵```{deeper-start} A↵```↵ @ {deeper-start} ! inside
Because.↵ => ```{deeper-start} A↵```↵↵```{deeper-end}↵```↵↵L.↵ @ L. ! behind the
(place)=↵ =>  @ *Diff ! no label place
{hint} Hint 1 => {hint} @ {hint} ! {hint} without a title
{hint} Hint 1 => {admonition} @ {adm ! {admonition} without a title
Think.↵```↵ => Think.↵ @ ```{ans ! the hint of line 20 no end?
(#place) => (#gr-1-1a-solution) @ *Diff ! a link to a solution
{aligned} => {align} @ $$↵\begin ! \begin{align}: write
a &= b => a \label{x} @ $$↵\begin ! \label: write
Think. => Think of $\eqref{x}$. @ Think ! \eqref: write
Think. => Think of↵$$↵x↵$$ @ Think ! an empty line is missing before $$
Think. => \begin{align}↵x↵\end{align} @ \begin{align} ! write `align
Think. => TODO: a hint @ TODO ! still to be written: TODO: a hint
*Difficulty 1, 5 minutes.*  =>  @ ```{exercise} A ! does not begin with *D
:question: gr-1-1a => :question: gr-9 @ {err ! an erratum about gr-9, no
:verdict: wrong => :verdict: odd @ {erratum} ! no verdict 'odd'; there are
printed line↵↵ => printed line↵ @ {erratum} ! begins with a line of
"gr-1-1a" => "gr-1-1b" @ check.value ! a check of gr-1-1b, no question
, claim="Both are there" =>  @ check.value ! a check without claim=
"Both are there" => "both are there" @ check.value ! is no sentence like
"Both are there" => "Both are there." @ check.value ! is no sentence like
"Both are there" => "Both are $x$" @ check.value ! is no sentence like
check.value => print @ ```{exercise} A ! gr-1-1a has code and no check
    name: fig-gr-1-1a↵ =>  @ {code-cell} ipython3↵- ! figure.name
    caption: A line.↵ =>  @ {code-cell} ipython3↵- ! figure.caption
  image:↵    alt: A straight line.↵ =>  @ {code-cell} ipython3↵- ! .alt
# one comment => # one↵# two @ {code-cell} ipython3↵- ! 2 comment lines
# one comment => x = ( @ x = ( ! not Python
# one comment => from math import * @ from math ! a star import
# one comment => print('all tests passed') @ print ! claims success
# one comment => print(f'{later} ✓') @ print ! claims success
there")↵```↵↵ => there")↵x = 1↵```↵↵ @ check.v ! is not the last sta
check.value => x = check.value @ x = check ! check.value is not the last
check.value => for i in later: check.value @ for i ! is not the last
jupytext: {} => title: x @ --- ! no header
import torch↵```↵ => ↵```↵↵```{code-cell}↵2↵```↵ @ l}↵2 ! 2 code cells before
## Problem 1: Lines↵ =>  @ {exercise} A ! before the first problem
"""
FAULTS += f'# one comment => x = "{76 * "x"}" @ x = ! 82 columns, at most 79\n'
FAULTS += (
    f"# one comment => {20 * 'x = 1↵'} @ ```{{code-cell}} ipython3↵- ! 23 lines of"
)

# a cell of problem 2 ! what is said
CELLS = """
print(later) ! later comes from another problem (Problem 1: Lines)
def f():↵    return later ! later comes from another problem (Problem 1: Li
print(unknown) ! unknown is not defined
later.append(1) ! later comes from another problem (Problem 1: Lines)
x = y↵y = 1 ! y is used before it is defined
def f():↵    return y + __name__↵↵y = [f(x) for x in range(3)] ! nothing
for i in range(3):↵    total = i↵print(total, torch.pi) ! nothing
torch.rand(3) ! torch.rand before the problem has seeded it
torch.manual_seed(0)↵torch.rand(3) ! nothing
torch.rand(3, generator=torch.Generator()) ! nothing
def f():↵    return torch.rand(3) ! nothing
try:↵    x = 1↵except OSError as e:↵    print(e) ! nothing
import numpy as np↵torch.manual_seed(0)↵np.random.rand(3) ! np.random.rand b
import numpy as np↵np.random.default_rng(0).normal() ! nothing
x = dict(zip('a', 'b'))↵check.value('gr-2-1', x, {}, ^) ! a zip without strict
x = list(zip('a', 'b'))↵y = len(x)↵check.value('gr-2-1', y, 1, ^) ! a zip without strict
x = list(zip('a', 'b', strict=True))↵check.value('gr-2-1', x, 1, ^) ! nothing
x = list(zip('a', 'b'))↵z = 1↵check.value('gr-2-1', z, 1, ^) ! nothing
x = 1 ! gr-2-1 has code and no check
print('accuracy', 1) ! nothing
print('broken') ! nothing
"""


@pytest.fixture
def book(tmp_path):
    return Sources(tmp_path)


def found(book, text, page="notebooks/one"):
    """What the lint says of a page, as (line, message)."""
    book.write(f"{page}.md", text)
    read = book.read()
    return lint.findings(read, read.pages[page])


def test_a_good_book_is_passed(book, capsys):
    book.write("notebooks/two.md", f"{HEADER}# Two\n")
    assert found(book, GOOD) == []
    assert lint.main([], book.root) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", FAULTS.strip().split("\n"))
def test_a_fault_is_found_where_it_is(book, case):
    case = case.replace("↵", "\n").replace("CHECK", "$x y$ " + 57 * "word ")
    old, new, where, message = re.split(" => | @ | ! ", case)
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    line = text.count("\n", 0, text.index(where)) + 1
    findings = found(book, text)
    assert any(at == line and message in said for at, said in findings), findings


def test_a_cell_that_draws_has_a_caption(book):
    findings = str(found(book, GOOD.replace(FIGURE, "")))
    for what in ("figure.name", "figure.caption", "image.alt"):
        assert f"a cell that draws, without mystnb.{what}" in findings


@pytest.mark.parametrize("case", CELLS.strip().split("\n"))
def test_a_problem_stands_alone(book, case):
    cell, message = case.replace("↵", "\n").split(" ! ")
    if "check" not in cell and "no check" not in message:
        cell += "\n```\n\n```{code-cell}\ncheck.value('gr-2-1', 1, 1, ^)"
    cell = cell.replace("^", "claim='It is so'")
    findings = found(book, GOOD.replace("Because.\n", code(cell)))
    assert len(findings) == (message != "nothing"), findings
    assert message == "nothing" or message in findings[0][1], findings


def test_solutions_come_in_the_order_of_their_exercises(book):
    first, second = solved("A."), solved("B.", "gr-1-2")
    head = f"{HEADER}# Title\n\n## Problem\n"
    assert found(book, head + first + second) == []
    exercise, solution = first.split("```{solution-start}")
    late = exercise + second + "```{solution-start}" + solution
    assert "this solution follows the exercise gr-1-2" in str(found(book, head + late))
    twice = first + "```{solution-start}" + solution
    assert "no exercise gr-1-1 waits for a solution" in str(found(book, head + twice))


def test_one_page_does_not_hide_the_findings_of_another(book, capsys):
    notation = "(words)=\n# Notation\n\n![](x.png) ![alt](x.png)\n"
    book.write("book/index.md", "(words)=\n# Start\n\nTODO\n")
    book.write("book/notation.md", notation)
    not_utf8 = f"{HEADER}\n# \xe9\n".encode("latin-1")
    (book.root / "notebooks/one.md").write_bytes(not_utf8)
    (book.root / "notebooks/two.md").unlink()
    assert lint.main([], book.root) == 1
    assert capsys.readouterr().out.splitlines() == [
        "book/index.md:4: still to be written: TODO",
        "book/notation.md:2: the label words is taken",
        "book/notation.md:4: an image without an alternative text",
        "notebooks/one.md:6: not UTF-8: convert the file",
        "notebooks/two.md:1: No such file or directory, but _toc.yml names it",
    ]
    assert lint.main([str(book.root / "book/notation.md")], book.root) == 1
    assert "index" not in capsys.readouterr().out
    assert lint.main([str(book.root / "other.md")], book.root) == 1
    assert "other.md:1: not in _toc.yml" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["_toc.yml", "_config.yml"])
def test_a_configuration_that_is_broken_is_one_message(book, name):
    book.write(name, "root: [")
    with pytest.raises(SourceError, match=f"^{name}:1: expected.*$"):
        lint.main([], book.root)

"""What tools/lint.py finds, and that it is silent about a good page."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import lint  # noqa: E402
from source import parser  # noqa: E402

MARKDOWN = parser(yaml.safe_load((ROOT / "_config.yml").read_text("utf-8")))
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
# Title

(place)=
## Problem

```{{exercise}} A task
:label: gr-1-1a

Text with [a link](#place) and ![alt](x.png).
```

```{{hint}} Hint 1
:class: dropdown

Think.
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
import matplotlib.pyplot as plt

plt.rcParams["font.size"] = 11

def draw(ax):
    ax.plot([0, 1])

check.value("gr-1-1a", 1, 1)
```

```{{solution-end}}
```
"""


def findings(text):
    return sorted(lint.Page(text, MARKDOWN, set()).findings)


def code(body):
    return "```{code-cell} ipython3\n" + body + "\n```\n"


def test_a_good_page_is_passed():
    assert findings(GOOD) == []


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        (":label: gr-1-1a", ":label: one", 6, "the label 'one' is not of the form"),
        (":label: gr-1-1a\n", "", 6, "the label '' is not of the form"),
        (":label: gr-1-1a", ":label: [", 6, "options that are not YAML"),
        ("start} gr-1-1a", "start} gr-1-1b", 18, "no exercise gr-1-1b waits"),
        ("start} gr-1-1a", "start} gr-1-1b", 6, "the exercise gr-1-1a has no solution"),
        ("```{solution-end}\n```\n", "", 50, "the solution to gr-1-1a has no end"),
        ("```{hint}", "```{solution-end}\n```\n\n```{hint}", 12, "was not started"),
        ("$$\n\\begin", "## Heading\n\n$$\n\\begin", 22, "a heading inside"),
        ("{hint} Hint 1", "{hint}", 12, "{hint} without a title"),
        ("{hint} Hint 1", "{note}", 12, "{note} without a title"),
        ("(#place)", "(#gr-1-1a-solution)", 9, "a link to a solution"),
        ("![alt]", "![]", 9, "an image without"),
        ("eq-gr-1-1a-sum", "sum", 22, "the label 'sum' is not of the form eq-"),
        ("eq-gr-1-1a-sum", "place", 22, "the label place is taken"),
        ("{aligned}", "{align}", 22, "\\begin{align}: write"),
        ("a &= b", "a \\label{x}", 22, "\\label: write"),
        ("Think.", "Think of $\\eqref{x}$.", 15, "\\eqref: write"),
        ("Think.", "Think of\n$$\nx\n$$", 15, "an empty line is missing before $$"),
        ("Think.", "\\begin{align}\nx\n\\end{align}", 15, "write `aligned`"),
        ("fig-gr-1-1a", "line", 26, "the label 'line' is not of the form fig-"),
        ("    name: fig-gr-1-1a\n", "", 26, "without mystnb.figure.name"),
        ("    caption: A line.\n", "", 26, "without mystnb.figure.caption"),
        ("  image:\n    alt: A straight line.\n", "", 26, "without mystnb.image.alt"),
        (FIGURE, "", 26, "without mystnb.figure.caption"),
        ("Think.\n```", "```\n\n```{interactive} a\n```", 17, "label None is not of"),
        ("# one comment", "# one\n# two", 26, "2 comment lines"),
        ("# one comment", "\n".join(["x = 1"] * 20), 26, "22 lines of code"),
        ("# one comment", "x = '" + 75 * "x" + "'", 35, "81 columns"),
        ("# one comment", "x = (", 35, "not Python"),
        ("# one comment", "from math import *", 35, "a star import"),
        ("# one comment", "print('all tests passed')", 35, "claims success"),
        ("# one comment", "print(f'{x} ✓')", 35, "claims success"),
        ("1)\n```", "1)\nx\n```", 48, "check.value is not the last statement"),
        ("check.value", "x = check.value", 48, "check.value is not the last"),
        ("check.value", "for i in range(2): check.value", 48, "is not the last"),
    ],
)
def test_a_fault_is_found_where_it_is(old, new, line, message):
    assert old in GOOD
    found = findings(GOOD.replace(old, new, 1))
    assert any(at == line and message in said for at, said in found), found


def test_solutions_come_in_the_order_of_their_exercises():
    first = "```{exercise} X\n:label: gr-1\n```\n\n"
    solution = "```{solution-start} gr-1\n```\n\nText\n\n```{solution-end}\n```\n\n"
    second = first.replace("gr-1", "gr-2")
    assert findings(first + solution + second + solution.replace("gr-1", "gr-2")) == []
    late = findings(first + second + solution + solution.replace("gr-1", "gr-2"))
    assert late == [(9, "this solution follows the exercise gr-2")]
    twice = findings(first + solution + solution)
    assert twice == [(13, "no exercise gr-1 waits for a solution")]


@pytest.mark.parametrize("body", ["print('accuracy', x)", "print('broken')"])
def test_a_print_of_a_result_is_passed(body):
    assert findings(code(body)) == []


def test_the_command_prints_file_and_line_and_compares_labels_of_all_files(tmp_path):
    good = tmp_path / "good.md"
    bad = tmp_path / "bad.md"
    good.write_text(GOOD)
    bad.write_text("(place)=\n# Title\n")
    run = subprocess.run(
        [sys.executable, ROOT / "tools/lint.py", good, bad],
        capture_output=True,
        text=True,
    )
    assert run.stdout == f"{bad}:1: the label place is taken\n"
    assert (run.returncode, run.stderr) == (1, "")
    assert lint.main([str(good)]) == 0

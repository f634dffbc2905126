"""A small book of sources, for tests that build nothing."""

from pathlib import Path

from tools.source import model

HEADER = "---\njupytext: {}\n---\n\n"
CONFIG = r"""
repository: {url: https://github.com/example/book, branch: main}
parse: {myst_enable_extensions: [amsmath, colon_fence, dollarmath]}
sphinx: {config: {mathjax3_config: {tex: {macros: {
  R: '\mathbb{R}', E: '\operatorname{E}', norm: ['\lVert#1\rVert', 1],
  KL: ['D(#1 \| #2)', 2], sq: ['\norm{#1}^2', 1]}}}}}
"""
TOC = """
format: jb-book
root: book/index
parts:
  - chapters: [{file: book/notation}]
  - numbered: true
    chapters: [{file: notebooks/one}, {file: notebooks/two}]
"""
SOLVED = """
```{{exercise}} {title}
:label: {id}

*Difficulty {task}
```

```{{answer}} {id}
In short, *{title}*.
```

```{{solution-start}} {id}
:class: dropdown
```

{text}

```{{solution-end}}
```
"""


def solved(text, id="gr-1-1", title="First", task="1, 5 minutes.* Task.") -> str:
    """An exercise with this solution."""
    return SOLVED.format(text=text, id=id, title=title, task=task)


TWO = f"""{HEADER}# Two

## Problem 1: Elsewhere
{solved("$$ x $$ (eq-gr-2-1)", "gr-2-1")}"""


def code(text: str) -> str:
    """A code cell."""
    return "```{code-cell} ipython3\n" + text + "\n```\n"


class Sources:
    """A book in a folder, whose page notebooks/one.md is under test."""

    def __init__(self, root: Path):
        self.root = root
        self.write("_config.yml", CONFIG)
        self.write("_toc.yml", TOC)
        self.write("book/index.md", "# Start\n")
        self.write("book/notation.md", "(words)=\n# Notation\n\n$$ a $$ (eq-wo-1)\n")
        self.write("notebooks/one.md", f"{HEADER}# One\n")
        self.write("notebooks/two.md", TWO)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def read(self) -> model.Book:
        return model.Book(self.root)

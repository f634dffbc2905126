"""The sources of the book, read once: pages, problems, questions, labels, numbers.

Everything that wants to know what stands in `notebooks/*.md` or `book/*.md` asks the
`Book` that `read` gives. What cannot be understood is kept as a fault of its page, with
its line, so that one slip does not hide another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from sphinx_external_toc.parsing import parse_toc_yaml

from ..workspace import ROOT
from .directives import DIRECTIVES, Kind

EFFORT = re.compile(r"\*Difficulty ([1-3]), ([1-9]\d*) minutes\b")
NUMBER = re.compile(r"^(Problem \d+:|[\d.]+) ")  # before the topic of a problem
STUDY = re.compile(r'\bresults\.study\(\s*"([\w-]+)"')

BRACED = r"(?:\\.|[^{}\\])*"  # what may stand in braces, and braces therein
for _depth in range(4):
    BRACED = rf"(?:\\.|[^{{}}\\]|\{{{BRACED}\}})*"


class SourceError(Exception):
    """A source that is not understood; the message begins with file and line."""


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put the place (file:line) before the message of an error."""
    try:
        yield
    except (ValueError, LookupError, OSError, yaml.YAMLError) as error:
        message = error.args[0] if isinstance(error, LookupError) else error
        raise SourceError(f"{place}: {message}") from None


@dataclass
class Block:
    """A block of a text: a heading, plain Markdown, or a directive.

    `kind`: "heading", "text" or the name of the directive; `first`: the line of the
    file at which the text begins to which the `tokens` refer; `line` and `end`: the
    first and the last line of the block in the file; `label`: what `(label)=` before it
    says. Of a directive, `body_line` is the line at which its body begins, and `inside`
    holds the blocks of a body that is text.
    """

    kind: str
    first: int
    tokens: list[Token] = field(repr=False)
    label: str = ""
    argument: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    body_line: int = 0
    inside: list[Block] = field(default_factory=list, repr=False)

    @property
    def line(self) -> int:
        """The line at which it begins."""
        return self.first + self.tokens[0].map[0]

    @property
    def end(self) -> int:
        """The last line that belongs to it."""
        return self.first + self.tokens[0].map[1] - 1

    @property
    def declared(self) -> Kind | None:
        """What is declared of this directive, if anything."""
        return DIRECTIVES.get(self.kind)

    @property
    def figure(self) -> dict[str, str]:
        """Name and caption of the figure that a code cell draws, if it says so."""
        return self.options.get("mystnb", {}).get("figure", {})

    @property
    def own_label(self) -> str | None:
        """The label that a directive gives itself."""
        where = self.declared.label if self.declared else ""
        if where == "argument":
            return self.argument
        return self.figure.get("name") if where == "figure" else self.options.get(where)

    @property
    def heading(self) -> tuple[int, str]:
        """Of a heading, its level and its words."""
        return int(self.tokens[0].tag[1:]), self.tokens[1].content

    def walk(self) -> Iterator[Block]:
        """This block and all inside it, in order."""
        yield self
        for block in self.inside:
            yield from block.walk()


@dataclass
class Question:
    """An exercise with all that belongs to it.

    `number` is such as "1.3", `topic` the title of its problem without its number,
    `difficulty` 1 to 3; that and `minutes` are 0 where the exercise does not say them.
    `solution` holds all blocks between its start and its end, `cells` those that are
    code.
    """

    id: str
    title: str
    number: str
    page: str
    topic: str
    exercise: Block = field(repr=False)
    difficulty: int = 0
    minutes: int = 0
    hints: list[Block] = field(default_factory=list, repr=False)
    solution: list[Block] = field(default_factory=list, repr=False)
    errata: list[Block] = field(default_factory=list, repr=False)
    end: int = 0  # the last line of all this

    @property
    def line(self) -> int:
        """The line at which the exercise begins."""
        return self.exercise.line

    @property
    def cells(self) -> list[Block]:
        """The code cells of the solution."""
        return [block for block in self.solution if block.kind == "code-cell"]


@dataclass
class Problem:
    """A section with code or questions of its own, which stands alone.

    `title` is its heading, `topic` that without its number, `label` stands before it.
    """

    title: str
    label: str
    line: int
    page: str
    cells: list[Block] = field(default_factory=list, repr=False)
    questions: list[Question] = field(default_factory=list, repr=False)

    @property
    def topic(self) -> str:
        """The title without its number."""
        return NUMBER.sub("", self.title)


@dataclass
class Page:
    """A source: its outermost blocks, and what they make.

    `faults` are (line, message); `opening` holds the code cells before the first
    problem, on which each problem may rely.
    """

    name: str
    path: Path
    text: str = field(repr=False)
    blocks: list[Block] = field(default_factory=list, repr=False)
    faults: list[tuple[int, str]] = field(default_factory=list)
    title: str = ""
    opening: list[Block] = field(default_factory=list, repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)

    @property
    def is_notebook(self) -> bool:
        """Whether its code is executed."""
        return "\njupytext:" in self.text

    @property
    def cells(self) -> list[Block]:
        """All code cells, in order."""
        return [block for block in self.blocks if block.kind == "code-cell"]

    @property
    def questions(self) -> list[Question]:
        """The questions of all its problems, in order."""
        return [question for problem in self.problems for question in problem.questions]

    def walk(self) -> Iterator[Block]:
        """All blocks, and those inside them, in order."""
        for block in self.blocks:
            yield from block.walk()


@dataclass
class Target:
    """What a label stands for: its page, its name ("Exercise 1.1") and its kind."""

    page: str
    name: str
    kind: str


class Book:
    """All pages of the table of contents, with their labels, numbers and macros."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        with located("_config.yml:1"):
            self.config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
        repository = self.config["repository"]
        self.repository = repository["url"].rstrip("/")
        self.files = f"{self.repository}/blob/{repository.get('branch', 'main')}"
        owner, name = self.repository.split("/")[-2:]
        self.site = f"https://{owner}.github.io/{name}"  # where the workflow publishes
        sphinx = self.config.get("sphinx", {}).get("config", {})
        tex = sphinx.get("mathjax3_config", {}).get("tex", {})
        self.macros: dict[str, str | list] = tex.get("macros", {})
        self.parser = parser(self.config)
        self.labels: dict[str, Target] = {}
        self.pages: dict[str, Page] = {}
        counts: Counter = Counter()
        for name, chapter in contents(root):
            page = self.pages[name] = read_page(self.parser, root, name)
            self._name(page, chapter, counts)
            _sort(page, self.labels)

    # ------------------------------------------------------------ what it holds

    @property
    def notebooks(self) -> list[Page]:
        """The pages whose code is executed, in order."""
        return [page for page in self.pages.values() if page.is_notebook]

    @cached_property
    def questions(self) -> dict[str, Question]:
        """All questions by their ids, in order."""
        return {q.id: q for page in self.pages.values() for q in page.questions}

    @cached_property
    def studies(self) -> dict[str, Problem]:
        """The problem in which each recorded study is made."""
        return {
            name: problem
            for page in self.notebooks
            for problem in page.problems
            for cell in problem.cells
            for name in STUDY.findall(cell.body)
        }

    @cached_property
    def interactive_figures(self) -> list[str]:
        """The names of the figures that follow a reader's settings."""
        return sorted(path.stem for path in self.root.glob("book/figures/*.svg"))

    def refuse_faults(self, *names: str) -> None:
        """Raise `SourceError` with all faults of these pages, or of all."""
        pages = [self.pages[name] for name in names] or self.pages.values()
        found = [
            f"{page.path.relative_to(self.root)}:{line}: {message}"
            for page in pages
            for line, message in sorted(page.faults)
        ]
        if found:
            raise SourceError("\n".join(found))

    # ------------------------------------------------------- labels and numbers

    def _name(self, page: Page, chapter: str, counts: Counter) -> None:
        """Number exercises, equations and figures, and note all labels."""

        def note(line: int, label: str | None, kind: str, name: str = "") -> None:
            if not label:
                return
            if label in self.labels:
                page.faults.append((line, f"the label {label} is taken"))
            self.labels.setdefault(label, Target(page.name, name, kind))

        def number(form: str) -> str:
            counts[chapter, form] += 1
            return form.format(f"{chapter}{counts[chapter, form]}")

        for block in page.walk():
            if block.kind == "heading":
                page.title = page.title or block.heading[1]
                note(block.line, block.label, "heading", block.heading[1])
                continue
            note(block.line, block.label, "place")
            for token in block.tokens:
                if token.type == "math_block_label":
                    line = block.first + token.map[0]
                    note(line, token.info, "equation", number("({})"))
            if declared := block.declared:
                name = declared.name.capitalize() + f" {block.own_label}"
                if declared.number and (block.figure or block.kind != "code-cell"):
                    name = number(declared.number)
                note(block.line, block.own_label, block.kind, name)

    def expand(self, tex: str) -> str:
        """TeX without the macros of _config.yml, which only the site defines.

        Raises `ValueError` if the arguments of a macro are not in braces.
        """
        before = None
        while before != tex:
            before = tex
            for name, macro in self.macros.items():
                body, count = macro if isinstance(macro, list) else (macro, 0)
                use = rf"(?<!\\)((?:\\\\)*)([_^]?)\\{name}(?![A-Za-z])"
                use += rf"\s*\{{({BRACED})\}}" * count
                tex = re.sub(use, partial(_meaning, body), tex)
        for name in re.findall(r"\\([A-Za-z]+)", tex.replace(r"\\", "")):
            if name in self.macros:
                raise ValueError(rf"\{name} needs its arguments in braces")
        return tex


def _meaning(body: str, match: re.Match) -> str:
    """What a macro with this body stands for where it was found."""
    line_breaks, script, *arguments = match.groups()
    tex = re.sub(r"(\\[A-Za-z]+)(?=#)", r"\1 ", body)
    tex = re.sub(r"#(\d)", lambda number: arguments[int(number[1]) - 1], tex)
    if match.string[match.end() :][:1].isalpha() and re.search(r"\\[A-Za-z]+$", tex):
        tex += " "
    return line_breaks + (f"{script}{{{tex}}}" if script else tex)


# ---------------------------------------------------------------------- reading


def parser(config: dict) -> MarkdownIt:
    """The Markdown parser of the site, with the extensions that _config.yml names."""
    extensions = config.get("parse", {}).get("myst_enable_extensions", ["dollarmath"])
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)


def contents(root: Path) -> Iterator[tuple[str, str]]:
    """The pages of _toc.yml, each with the number of its chapter ("1.") or ""."""
    toc = parse_toc_yaml(root / "_toc.yml")
    yield toc.root.docname.removesuffix(".md"), ""
    chapters = 0
    for tree in toc.root.subtrees:
        for page in tree.files():
            chapters += bool(tree.numbered)
            yield page.removesuffix(".md"), f"{chapters}." if tree.numbered else ""


def read_page(parser: MarkdownIt, root: Path, name: str) -> Page:
    """One page: its blocks and its faults. Raises `SourceError` if it is no UTF-8."""
    path = root / f"{name}.md"
    with located(f"{name}.md:1"):
        page = Page(name, path, path.read_text("utf-8"))
    page.blocks = _blocks(parser, page.text, 1, page.faults)
    return page


def _blocks(parser: MarkdownIt, text: str, first: int, faults: list) -> list[Block]:
    """The outermost blocks of a text that begins at a line of a file."""
    found, tokens, label = [], [], ""
    for token in parser.parse(text):
        tokens.append(token)
        if token.level or token.nesting > 0:
            continue
        group, tokens = tokens, []
        head = group[0]
        if head.type == "myst_target":
            label = head.content
            continue
        if head.type == "front_matter":
            continue
        kind = "heading" if head.type == "heading_open" else "text"
        block = Block(kind, first, group, label)
        if head.type == "fence":
            _read_directive(parser, block, faults)
        found.append(block)
        label = ""
    return found


def _read_directive(parser: MarkdownIt, block: Block, faults: list) -> None:
    """Read name, argument, options and body of a directive, if the block is one."""
    (token,) = block.tokens
    match = re.fullmatch(r"\{([\w:-]+)\}\s*(.*?)\s*", token.info)
    if not match:
        return
    block.kind, block.argument = match.groups()
    head = re.match(r"---\n(?s:.*?)^---\n|(?::[\w-]+:.*\n)*", token.content, re.M)[0]
    block.body = token.content[len(head) :]
    block.body_line = block.line + 1 + head.count("\n")
    try:
        options = yaml.safe_load(re.sub(r"^(:|---\n)", "", head, flags=re.M)) or {}
        if not isinstance(options, dict):
            raise ValueError("no pairs `name: value`")
        block.options = options
    except (yaml.YAMLError, ValueError) as error:
        faults.append((block.line, f"options that are not YAML: {error}"))
    if block.declared and block.declared.has_text:
        block.inside = _blocks(parser, block.body, block.body_line, faults)


def _sort(page: Page, labels: dict[str, Target]) -> None:
    """Put the blocks of a page into its problems and questions."""
    problem, by_id, solved = None, {}, None
    for block in page.blocks:
        if block.kind == "heading" and not solved:
            if block.heading[0] > 1:
                problem = Problem(block.heading[1], block.label, block.line, page.name)
                page.problems.append(problem)
        elif block.kind == "exercise" and problem:
            question = _question(block, problem, labels)
            by_id.setdefault(question.id, question)
            problem.questions.append(question)
        elif block.kind == "hint" and problem and problem.questions and not solved:
            problem.questions[-1].hints.append(block)
        elif block.kind == "solution-start":
            solved = by_id.get(block.argument)
        elif block.kind == "solution-end" and solved:
            solved.end, solved = block.end, None
        if block.kind == "code-cell":
            (problem.cells if problem else page.opening).append(block)
        if solved and block.kind != "solution-start":
            solved.solution.append(block)
        if block.kind == "erratum" and (
            about := by_id.get(block.options.get("question"))
        ):
            about.errata.append(block)
            about.end = max(about.end, block.end)
    page.problems = [p for p in page.problems if p.cells or p.questions]


def _question(block: Block, problem: Problem, labels: dict[str, Target]) -> Question:
    """The question that an exercise asks."""
    label = block.options.get("label", "")
    name = labels[label].name if label in labels else ""
    effort = EFFORT.match(block.body.lstrip())
    return Question(
        label,
        block.argument,
        name.rpartition(" ")[2],
        problem.page,
        problem.topic,
        block,
        *((int(effort[1]), int(effort[2])) if effort else (0, 0)),
        end=block.end,
    )

"""The sources of the book, read once: pages, problems, questions, labels, numbers.

Who wants to know what stands in `notebooks/*.md` or `book/*.md` asks a `Book`. What is
not understood is kept as a fault of its page and line, so that no slip hides another.
"""

import ast
import difflib
import re
from collections import Counter, namedtuple
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import count
from pathlib import Path

import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from sphinx_external_toc.parsing import parse_toc_yaml

from ..workspace import ROOT, SourceError
from .directives import DIRECTIVES, OPTIONAL, Kind

ID = r"[a-z]{2}-\d[a-z0-9]*(?:-[a-z0-9]+)*"  # of a question
EFFORT = re.compile(r"\s*\*Difficulty ([1-3]), ([1-9]\d*) minutes\b")
SHEET = re.compile(r"On the sheet: ([^*]+?)\.\*")  # behind that, in the same words
NUMBER = re.compile(r"^(Problem \d+:|[\d.]+) ")  # before the topic of a problem
DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*?)\s*")
QUOTED = re.compile(r"^(`{3,}\{([\w:-]+)\})(.*`.*)$", re.M)  # a title with `
STUDY = re.compile(r'\bresults\.study\(\s*"([\w-]+)"')

BRACED = r"(?:\\.|[^{}\\])*"  # what may stand in braces, and braces therein
for _depth in range(4):
    BRACED = rf"(?:\\.|[^{{}}\\]|\{{{BRACED}\}})*"


Target = namedtuple("Target", "page name")  # of a label; such as "Exercise 1.1"


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Put the file, and a line, before the message of an error."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OSError, yaml.YAMLError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        said = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        raise SourceError(f"{file}:{line}: {said}") from None


@dataclass(repr=False)
class Block:
    """A block of a text: a heading, plain Markdown, or a directive.

    `kind`: "heading", "text" or the name of the directive; `line` and `end`: its first
    and last line in the file; `source`: these lines; `tokens`: what they are parsed to,
    which count their lines from line `first` of the file; `label`: what `(label)=`
    before it says; `argument`: that of a directive, or the words of a heading. Of a
    directive, `options` are as its readers expect them and `written` as they stand
    there, the body begins at `body_line`, and `inside` has the blocks of a text.
    """

    kind: str
    line: int
    end: int
    source: str
    first: int
    tokens: list[Token]
    label: str = ""
    argument: str = ""
    options: dict = field(default_factory=dict)
    written: dict = field(default_factory=dict)
    body: str = ""
    body_line: int = 0
    inside: list["Block"] = field(default_factory=list)

    @property
    def declared(self) -> Kind | None:
        """What is declared of this directive, if anything."""
        return DIRECTIVES.get(self.kind)

    @property
    def is_text(self) -> bool:
        """Whether it may stand in the text of a directive."""
        return self.kind == "text" or getattr(self.declared, "body", "") == "box"

    @property
    def figure(self) -> dict[str, str]:
        """Name and caption of the figure that a code cell draws, if it says so."""
        return self.options.get("mystnb", {}).get("figure", {})

    @property
    def own_label(self) -> str | None:
        """The label that a directive gives itself."""
        special = {"argument": self.argument, "figure": self.figure.get("name")}
        return self.declared and (self.options | special).get(self.declared.label)

    @property
    def is_aside(self) -> bool:
        """Whether its code is folded: it checks, draws, or is tagged `set-up`."""
        checks = re.search(r"^check\.", self.body, re.M)
        return bool(checks or self.figure or "set-up" in self.options.get("tags", []))

    @cached_property
    def tree(self) -> ast.Module:
        """The code of a cell, parsed. Raises `SyntaxError`."""
        return ast.parse(self.body)

    def walk(self) -> Iterator["Block"]:
        """This block and all inside it, in order."""
        yield self
        for block in self.inside:
            yield from block.walk()


@dataclass(repr=False)
class Question:
    """An exercise with all that belongs to it, up to line `end`.

    `number`: such as "1.3"; `sheet`: its number in the printed set, such as "Problem 3,
    4 (b)", empty where the exercise does not say it; `topic`: the title of its problem
    without its number; `difficulty`: 1 to 3; that and `minutes` are 0 where the
    exercise does not say them;
    `answer`: what stands in short before the solution; `solution`: all blocks between
    its start and its end; `deeper`: the starts of the folds at its end.
    """

    id: str
    number: str
    page: str
    topic: str
    difficulty: int
    minutes: int
    exercise: Block
    end: int
    sheet: str = ""
    hints: list[Block] = field(default_factory=list)
    answer: Block | None = None
    deeper: list[Block] = field(default_factory=list)
    solution: list[Block] = field(default_factory=list)
    errata: list[Block] = field(default_factory=list)


@dataclass(repr=False)
class Problem:
    """A section with code or questions of its own, which stands alone."""

    title: str
    label: str
    line: int
    page: str
    cells: list[Block] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


@dataclass(repr=False)
class Page:
    """A source: its outermost blocks, and what they make.

    `faults` are (line, message); `opening` holds the code cells before the first
    problem, on which each problem may rely.
    """

    name: str
    path: Path
    text: str = ""
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    opening: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_notebook(self) -> bool:
        """Whether it is a problem set, whose code is executed."""
        return self.name.startswith("notebooks/")

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

    def fault(self, line: int, message: str) -> None:
        """Note what is wrong with it."""
        self.faults.append((line, message))

    def located(self, faults: Iterable[tuple[int, str]]) -> str:
        """Faults in order, a line each, with file and line before it."""
        found = sorted(set(faults))
        return "\n".join(f"{self.name}.md:{line}: {said}" for line, said in found)


class Book:
    """All pages of the table of contents, with their labels and numbers."""

    @classmethod
    def now(cls, root: Path = ROOT) -> "Book":
        """The book as its sources are now; a process reads them once in each state."""
        files = sorted([*root.glob("_*.yml"), *root.glob("*/*.md")])
        stats = ((path, path.stat()) for path in files)
        return _book(root, *((p, stat.st_mtime_ns, stat.st_size) for p, stat in stats))

    def __init__(self, root: Path = ROOT):
        self.root = root
        with reading("_config.yml"):
            config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
            repository = config["repository"]
            tex = config["sphinx"]["config"]["mathjax3_config"]["tex"]
            extensions = config["parse"]["myst_enable_extensions"]
        with reading("_toc.yml"):
            toc = parse_toc_yaml(root / "_toc.yml").root
        self.repository = repository["url"].rstrip("/")
        self.files = f"{self.repository}/blob/{repository['branch']}"
        owner, name = self.repository.split("/")[-2:]
        self.site = f"https://{owner}.github.io/{name}"  # where the workflow publishes
        self.macros: dict[str, str | list] = tex["macros"]
        settings = MdParserConfig(enable_extensions=extensions)
        self.parser = create_md_parser(settings, RendererHTML)
        self.labels: dict[str, Target] = {}
        self.pages: dict[str, Page] = {}
        chapters, counts = count(1), Counter()
        pages = [
            (toc.docname, "")
        ]  # each with the number of its chapter ("1."), if any
        for tree in toc.subtrees:
            for name in tree.files():
                pages.append((name, f"{next(chapters)}." if tree.numbered else ""))
        for name, chapter in pages:
            page = self._read(name.removesuffix(".md"))
            self.pages[page.name] = page
            self._name(page, chapter, counts)
            self._sort(page)

    @property
    def notebooks(self) -> list[Page]:
        """The pages whose code is executed, in order."""
        return [page for page in self.pages.values() if page.is_notebook]

    @cached_property
    def questions(self) -> dict[str, Question]:
        """All questions by their ids, in order."""
        return {q.id: q for page in self.pages.values() for q in page.questions}

    @cached_property
    def studies(self) -> list[str]:
        """The names of the recorded studies."""
        cells = (cell for page in self.notebooks for cell in page.cells)
        return sorted({name for cell in cells for name in STUDY.findall(cell.body)})

    @cached_property
    def interactive_figures(self) -> list[str]:
        """The names of the figures that follow a reader's settings."""
        return sorted(path.stem for path in self.root.glob("book/figures/*.svg"))

    def expand(self, tex: str) -> str:
        """TeX without the macros of _config.yml, which only the site defines.

        Raises `ValueError` if the arguments of a macro are not in braces.
        """
        before = None
        while before != tex:
            before = tex
            for name in [name for name in self.macros if f"\\{name}" in tex]:
                macro = self.macros[name]
                body, count = macro if isinstance(macro, list) else (macro, 0)
                use = rf"(?<!\\)((?:\\\\)*)([_^]?)\\{name}(?![A-Za-z])"
                use += rf"\s*\{{({BRACED})\}}" * count
                tex = re.sub(use, partial(_meaning, body), tex)
        for name in re.findall(r"\\([A-Za-z]+)", tex.replace(r"\\", "")):
            if name in self.macros:
                raise ValueError(rf"\{name} needs its arguments in braces")
        return tex

    def _read(self, name: str) -> Page:
        page = Page(name, self.root / f"{name}.md")
        try:
            page.text = page.path.read_text("utf-8", "replace")
        except OSError as error:
            page.fault(1, f"{error.strerror}, but _toc.yml names it")
        before, replaced, _ = page.text.partition("\N{REPLACEMENT CHARACTER}")
        if replaced:
            page.fault(before.count("\n") + 1, "not UTF-8: convert the file")

        def without_ticks(match: re.Match) -> str:
            line = page.text.count("\n", 0, match.start()) + 1
            page.fault(line, f"a title of {{{match[2]}}} cannot hold `")
            return match[1] + match[3].replace("`", "'")

        page.blocks = self.blocks(QUOTED.sub(without_ticks, page.text), 1, page)
        return page

    def blocks(self, text: str, first: int, page: Page, around=None) -> list[Block]:
        """The outermost blocks of a text that begins at line `first` of a page.

        The text may be that of another block, `around` it, or a title or caption.
        """
        found, tokens, label = [], [], ""
        lines = text.split("\n")
        for token in self.parser.parse(text):
            tokens.append(token)
            if token.level or token.nesting > 0:
                continue
            group, tokens = tokens, []
            if token.type == "myst_target":
                label = token.content
            if token.type in ("myst_target", "front_matter"):
                continue
            start, end = group[0].map
            source = "\n".join(lines[start:end])
            block = Block("text", first + start, first + end - 1, source, first, group)
            block.label, label = label, ""
            if token.type == "heading_close":
                block.kind = "heading"
                block.argument = group[1].content.replace("\n", " ")
            elif match := token.type == "fence" and DIRECTIVE.fullmatch(token.info):
                block.kind, block.argument = match.groups()
                self._read_directive(block, page)
            if page.is_notebook:
                _judge(block, page, around)
            found.append(block)
        return found

    def _read_directive(self, block: Block, page: Page) -> None:
        """Read options and body; of an unknown one, read what was meant."""
        if page.is_notebook and not block.declared:
            message = f"unknown directive {{{block.kind}}}"
            meant = [name for name in DIRECTIVES if name.startswith(block.kind)]
            if meant := meant or difflib.get_close_matches(block.kind, DIRECTIVES, 1):
                block.kind = meant[0]
                message += f"; is it {{{block.kind}}}?"
            page.fault(block.line, message)
        content = block.tokens[0].content
        head = re.match(r"---\n(?s:.*?)^---\n|(?::[\w-]+:.*\n)*", content, re.M)[0]
        block.body = content[len(head) :]
        block.body_line = block.line + 1 + head.count("\n")
        try:
            text = re.sub(r"^(:|---\n)", "", head, flags=re.M)
            options = yaml.safe_load(text) or {}
            if not isinstance(options, dict):
                raise ValueError("no pairs `name: value`")
        except (yaml.YAMLError, ValueError) as error:
            said = getattr(error, "problem", None) or error
            page.fault(block.line, f"options that are not YAML: {said}")
            options = dict(re.findall(r"^:([\w-]+): *(.*)$", head, re.M))
        block.written = options
        for name, value in options.items():
            block.options[name] = _option(block, name, value, page)
        if block.declared and block.declared.body:
            text, line = block.body, block.body_line
            if block.declared.title and block.argument:  # the first line of the text
                text, line = f"{block.argument}\n{text}", line - 1
            block.inside = self.blocks(text, line, page, block)

    def _name(self, page: Page, chapter: str, counts: Counter) -> None:
        """Number exercises, equations and figures, and note all labels."""

        def note(line: int, label: str | None, name: str) -> None:
            if label in self.labels:
                page.fault(line, f"the label {label} is taken")
            elif label:
                self.labels[label] = Target(page.name, name)

        def number(form: str) -> str:
            counts[chapter, form] += 1
            return form.format(f"{chapter}{counts[chapter, form]}")

        for block in page.walk():
            heading = block.argument if block.kind == "heading" else ""
            page.title = page.title or heading
            note(block.line, block.label, heading)
            for token in block.tokens:
                if token.type == "math_block_label":
                    note(block.first + token.map[0], token.info, number("({})"))
            if declared := block.declared:
                name = f"{block.kind.capitalize()} {block.own_label}"
                if declared.number and (block.figure or block.kind != "code-cell"):
                    name = number(declared.number)
                note(block.line, block.own_label, name)

    def _sort(self, page: Page) -> None:
        """Put the blocks of a page into its problems and questions."""
        problem = Problem("", "", 0, page.name, page.opening)  # before the first
        last = solved = lost = None
        deeper = False  # whether a fold for those who want more is open
        by_id: dict[str, Question] = {}
        waiting: dict[str, Question] = {}  # for their solutions
        for block in page.blocks:
            line, argument = block.line, block.argument
            if solved and block.kind in ("heading", "exercise", "solution-start"):
                page.fault(line, f"{block.kind} inside the solution to {solved.id}")
                solved, lost = None, solved
            if solved and solved.deeper and not deeper:
                if block.kind not in ("deeper-start", "solution-end"):
                    page.fault(line, "what is no {deeper-start} stands behind the last")
            if block.kind == "heading" and block.tokens[0].tag != "h1":
                problem = Problem(argument, block.label, line, page.name)
                page.problems.append(problem)
            elif block.kind == "exercise":
                last = self._question(block, page, problem)
                by_id.setdefault(last.id, last)
                waiting[last.id] = last
                problem.questions.append(last)
            elif block.kind == "hint" and last and not solved:
                last.hints.append(block)
            elif block.kind == "answer":
                if solved or not last or last.answer or argument != last.id:
                    page.fault(line, f"no exercise {argument} waits for an answer")
                else:
                    last.answer = block
            elif block.kind in ("deeper-start", "deeper-end"):
                starts = block.kind == "deeper-start"
                if not solved or starts == deeper or starts and not argument:
                    said = "with a title " * starts + "and inside a solution"
                    page.fault(line, f"{{{block.kind}}} comes in turn, {said}")
                elif starts:
                    solved.deeper.append(block)
                deeper = starts and bool(solved)
            elif block.kind == "solution-start":
                solved = waiting.pop(argument, None)
                if not solved:
                    lost = block
                    page.fault(line, f"no exercise {argument} waits for a solution")
                elif solved is not last:
                    page.fault(line, f"this solution follows the exercise {last.id}")
                continue
            elif block.kind == "solution-end":
                if deeper:
                    start = solved.deeper[-1].line if solved else line
                    page.fault(start, "this {deeper-start} has no end")
                deeper = False
                if solved:
                    solved.end = block.end
                elif not lost:
                    page.fault(line, "the end of a solution that was not started")
                solved = lost = None
            elif block.kind == "code-cell":
                problem.cells.append(block)
            elif block.kind == "erratum":
                if about := by_id.get(block.options.get("question")):
                    about.errata.append(block)
                    about.end = max(about.end, block.end)
            if solved:
                solved.solution.append(block)
        for question in waiting.values():
            page.fault(
                question.exercise.line, f"the exercise {question.id} has no solution"
            )
        if solved:
            page.fault(page.blocks[-1].end, f"the solution to {solved.id} has no end")
        page.problems = [p for p in page.problems if p.cells or p.questions]

    def _question(self, block: Block, page: Page, problem: Problem) -> Question:
        label = block.own_label or ""
        number = self.labels[label].name.rpartition(" ")[2] if label else ""
        topic = NUMBER.sub("", problem.title)
        effort, sheet = EFFORT.match(block.body), SHEET.search(block.body)
        effort = map(int, effort.groups()) if effort else (0, 0)
        place = label, number, page.name, topic, *effort, block, block.end
        return Question(*place, " ".join(sheet[1].split()) if sheet else "")


@cache
def _book(root: Path, *_state) -> Book:
    return Book(root)


def _meaning(body: str, match: re.Match) -> str:
    """What a macro with this body stands for where it was found."""
    line_breaks, script, *arguments = match.groups()
    tex = re.sub(r"(\\[A-Za-z]+)(?=#)", r"\1 ", body)
    tex = re.sub(r"#(\d)", lambda number: arguments[int(number[1]) - 1], tex)
    if match.string[match.end() :][:1].isalpha() and re.search(r"\\[A-Za-z]+$", tex):
        tex += " "
    return line_breaks + (f"{script}{{{tex}}}" if script else tex)


def _option(block: Block, name: str, value: object, page: Page) -> object:
    """The value of an option; of another type than its readers expect, it is empty."""
    form = {"mystnb": dict, "figure": dict, "image": dict, "tags": list}.get(name, str)
    if form is str and not isinstance(value, dict | list):
        return "" if value is None else str(value)
    if not isinstance(value, form):
        expected = {dict: "pairs", list: "a list", str: "a text"}[form]
        page.fault(block.line, f"{name} is not {expected}")
        return form()
    if form is dict:
        return {key: _option(block, key, part, page) for key, part in value.items()}
    return value


def _judge(block: Block, page: Page, around: Block | None) -> None:
    """Note what a directive or heading of a problem set must not do."""
    declared = block.declared
    if around and not block.is_text:
        missing = f"{around.kind} of line {around.line}"
        message = f"{block.kind} inside a directive: has the {missing} no end?"
        page.fault(block.line, message)
    if not declared:
        return
    if block.label:
        page.fault(block.line, f"a label before {{{block.kind}}}")
    for name in sorted((block.options.keys() ^ declared.required) - OPTIONAL):
        verb = "lacks" if name in declared.required else "has no option"
        page.fault(block.line, f"{{{block.kind}}} {verb} :{name}:")

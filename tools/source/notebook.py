"""Write the notebook that Colab and plain Jupyter show beside each source.

Neither of them knows MyST, so everything becomes plain Markdown: exercises are numbered
headings, hints fold, solutions are collapsed sections, equations carry their numbers,
links lead somewhere. A cell with a check shows the output of the last execution.
With --check nothing is written; the exit status is 1 if a committed one is another.
"""

import posixpath
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from markdown_it.token import Token

from helpers import results
from helpers.files import write_whole

from ..workspace import EXECUTED, ROOT, SourceError, parse
from .directives import VERDICTS
from .model import Block, Book, Page

INSTALL = """\
if not __import__("importlib.util").util.find_spec("helpers"):
    %pip install -q --no-deps git+{}"""

KNOWN = set(  # to Jupyter, or rewritten
    "heading paragraph inline bullet_list ordered_list list_item table thead tbody tr "
    "th td hr fence math_block math_block_label text softbreak hardbreak em strong "
    "link code_inline math_inline myst_role".split()
)
REWRITTEN = ("myst_role", "code_inline", "math_inline", "link_open")
INLINE = re.compile(  # groups bear the names of the parser's tokens
    r"""\\.
      | (?:\{(?P<myst_role>[\w:-]+)\})?
        (?P<ticks>`+)(?P<code_inline>.+?)(?<!`)(?P=ticks)(?!`)
      | \$(?P<math_inline>(?:[^$\\]|\\.)+)\$
      | \[(?P<words>(?:[^][\\]|\\.|\[[^][]*\])*)\]\((?P<link_open>[^\s()]*)\)
      | \$""",
    re.DOTALL | re.VERBOSE,
)
CHECK = re.compile(r"^check\.", re.M)


class Notebook:
    """A page on its way to a notebook: its `cells`, and the `faults` of its source."""

    def __init__(self, book: Book, page: Page):
        self.book, self.page = book, page
        self.faults = list(page.faults)
        self.cells: list[dict] = []
        self._parts: list[str] = []  # of the Markdown cell that is being written
        self._ids: Counter = Counter()
        self._section = "title"  # what the ids of cells are made from
        self._solved = ""  # the exercise whose solution has just ended
        for block in page.blocks:
            with self._at(block.line):
                if self._solved and block.kind not in ("heading", "exercise"):
                    back = f"Remarks on {self._link('', f'#{self._solved}')}"
                    self._start(f"{self._solved}-remarks", back)
                self._solved = ""
                if text := self._write(block):
                    self._parts.append(text)
        self._flush()
        self._section = "install"
        self._code(INSTALL.format(book.repository))
        self.cells.insert(1, self.cells.pop())

    @contextmanager
    def _at(self, line: int) -> Iterator[None]:
        """Note an error in this context as a fault of this line."""
        try:
            yield
        except (ValueError, TypeError, LookupError, OSError) as error:
            message = error.args[0] if isinstance(error, LookupError) else error
            self.faults.append((line, str(message)))

    def _write(self, block: Block, quoted: bool = False) -> str | None:
        """The Markdown of a block, if that belongs to the cell that is being written.

        In a quotation (`quoted`), formulas and paragraphs take one line each.
        """
        if block.declared:
            return getattr(self, "_" + block.kind.replace("-", "_"))(block)
        text = self._plain(block, quoted)
        if block.kind == "heading":
            return self._heading(text, block.label)
        return f'<a id="{block.label}"></a> {text}' if block.label else text

    def _texts(self, blocks: list[Block], quoted: bool = False) -> str:
        parts = []
        for block in (block for block in blocks if block.is_text):
            with self._at(block.line):
                parts.append(self._write(block, quoted))
        return "\n\n".join(parts)

    def _words(self, text: str, line: int, quoted: bool = False) -> str:
        """The Markdown of a title or caption that stands in this line."""
        blocks = self.book.blocks(text, line, Page("", self.page.path))
        if any(block.kind != "text" for block in blocks):
            raise ValueError(f"{text!r} is more than plain words")
        return self._texts(blocks, quoted)

    def _cell(self, kind: str, source: str, **more) -> dict:
        self._ids[self._section] += 1
        count = self._ids[self._section]
        id = self._section if count == 1 else f"{self._section}_{count}"
        cell = {"id": id, "cell_type": kind, "metadata": {}, "source": source, **more}
        self.cells.append(cell)
        return cell

    def _code(self, source: str) -> dict:
        return self._cell("code", source, outputs=[], execution_count=None)

    def _flush(self) -> None:
        if self._parts:
            self._cell("markdown", "\n\n".join(self._parts))
        self._parts = []

    def _start(self, section: str, heading: str, level: int = 3) -> None:
        self._flush()
        self._section = section
        self._parts = [f"{'#' * level} {heading}"]

    def _heading(self, text: str, label: str) -> None:
        level, _, words = text.partition(" ")
        if level not in ("#", "##", "###"):
            raise ValueError("a heading is written with one to three #")
        section = re.sub(r"[^a-z0-9]+", "-", words.split("<")[0].lower())
        words += f' <a id="{label}"></a>' * bool(label)
        self._start(section.strip("-")[:40] or "section", words, len(level))

    def _exercise(self, block: Block) -> str | None:
        if not block.own_label:
            return None  # which is a fault of the page
        name = self._name(block.own_label)
        title = self._words(block.argument, block.line)
        title = f"{name} ({title})" if title else name
        self._start(block.own_label, f'{title} <a id="{block.own_label}"></a>')
        return self._texts(block.inside)

    def _solution_start(self, block: Block) -> None:
        if block.argument not in self.book.labels:
            return  # which is a fault of the page
        back = f"Solution to {self._link('', f'#{block.argument}')}"
        self._start(f"{block.argument}-solution", back)
        self._flush()
        self._fold_section()

    def _fold_section(self) -> None:
        heading = self.cells[-1]
        heading["metadata"] = {"id": heading["id"], "jp-MarkdownHeadingCollapsed": True}

    def _solution_end(self, block: Block) -> None:
        self._flush()
        # what follows must not fold away with it
        self._solved = self._section.removesuffix("-solution")

    def _deeper_start(self, block: Block) -> None:
        words = self._words(block.argument, block.line)
        self._start(self._section, f"Going deeper: {words}", 4)
        self._flush()
        self._fold_section()

    def _deeper_end(self, block: Block) -> None:
        """The next heading ends it, since nothing else follows."""

    def _code_cell(self, block: Block) -> str | None:
        self._flush()
        cell = self._code(block.body.strip("\n"))
        if tags := block.options.get("tags"):
            cell["metadata"]["tags"] = [str(tag) for tag in tags]
        if block.is_aside:
            cell["metadata"] |= {"cellView": "form", "jupyter": {"source_hidden": True}}
        if not block.figure:
            return None
        for part in ("name", "caption"):
            if not block.figure.get(part):
                raise ValueError(f"a cell that draws, without mystnb.figure.{part}")
        name = block.figure["name"]
        caption = self._words(block.figure["caption"].strip(), block.line)
        return f'<a id="{name}"></a>*{self._name(name)}. {caption}*'

    def _hint(self, block: Block) -> str:
        return self._details(block.argument, block)

    def _answer(self, block: Block) -> str:
        return self._details("Answer", block)

    def _details(self, title: str, block: Block) -> str:
        text = self._texts(block.inside)
        return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"

    def _admonition(self, block: Block) -> str:
        title = block.declared.title or block.argument
        return self._quote(self._words(title, block.line, quoted=True), block.inside)

    _note = _warning = _admonition

    def _erratum(self, block: Block) -> str:
        title, *text = block.inside or [block]
        if title.kind != "text" or "\n" in title.source:
            message = "an erratum begins with a line of title, then an empty one"
            raise ValueError(message)
        if (verdict := block.options.get("verdict")) not in VERDICTS:
            raise ValueError(f"no verdict {verdict!r}; there are {', '.join(VERDICTS)}")
        name = f"Erratum {block.argument} ({VERDICTS[verdict]})"
        title = f"{name}: {self._write(title, quoted=True)}"
        return self._quote(title, text, f'<a id="{block.argument}"></a>')

    def _interactive(self, block: Block) -> str:
        name, label = block.argument, block.own_label
        if name not in (known := self.book.interactive_figures):
            known = ", ".join(known)
            raise ValueError(f"no interactive figure {name!r}; there are: {known}")
        place = f"{self.book.site}/{self.page.name}.html#{label}"
        start = f'<a id="{label}"></a>*{self._name(label)}.*'
        caption = self._texts(block.inside)
        return f"{start} {caption} [This figure moves on the site]({place})."

    def _quote(self, title: str, text: list[Block], anchor: str = "") -> str:
        box = f"{anchor}**{title}**\n\n{self._texts(text, quoted=True)}"
        return textwrap.indent(box, "> ", lambda line: True).replace("> \n", ">\n")

    def _plain(self, block: Block, quoted: bool) -> str:
        lines, spans = block.source.split("\n"), {}
        for token in (token for token in block.tokens if token.map):
            types = [token.type, *(child.type for child in token.children or ())]
            kinds = (re.sub("_(open|close)$", "", kind) for kind in types)
            unknown = [kind for kind in kinds if kind not in KNOWN]
            if unknown or token.type == "fence" and token.info.startswith("{"):
                message = f"{token.info or unknown[0]} is not understood here"
                self.faults.append((block.first + token.map[0], message))
            elif token.type == "inline" or token.type.startswith("math_block"):
                spans.setdefault(tuple(token.map), []).append(token)
        for (start, end), inside in sorted(spans.items(), reverse=True):
            line = block.first + start
            here = slice(line - block.line, block.first + end - block.line)
            source = "\n".join(lines[here])
            with self._at(line):
                if inside[0].type != "inline":
                    source = self._display(source, inside[0], quoted)
                else:
                    source = self._inline(source, line, inside)
                    source = re.sub(r"\s*\n\s*", " ", source) if quoted else source
            lines[here] = [source]
        return "\n".join(lines).strip("\n")

    def _display(self, source: str, token: Token, quoted: bool) -> str:
        before, anchor = source[: source.index("$$")], ""
        formula = self.book.expand(textwrap.dedent(token.content)).strip()
        if re.search(r"\n\s*\n", formula):
            raise ValueError("an empty line in a formula ends it in Jupyter")
        if token.info:
            anchor = f'<a id="{token.info}"></a>\n'
            formula += rf" \tag{{{self._name(token.info)[1:-1]}}}"
        text = f"{anchor}$$\n{formula}\n$$"
        if quoted:  # Jupyter shows the mark > of a quotation inside a formula
            return before + " ".join(text.split())
        return before + text.replace("\n", "\n" + " " * len(before))

    def _inline(self, source: str, line: int, tokens: list[Token]) -> str:
        children = Counter(child.type for token in tokens for child in token.children)
        found: Counter = Counter()

        def rewrite(match: re.Match) -> str:
            kind = next((kind for kind in REWRITTEN if match[kind]), None)
            found[kind] += 1
            with self._at(line + source.count("\n", 0, match.start())):
                if kind == "myst_role":
                    return self._role(match["myst_role"], match["code_inline"].strip())
                if kind == "math_inline":
                    return f"${self.book.expand(match['math_inline'])}$"
                if kind == "link_open":
                    words = INLINE.sub(rewrite, match["words"])
                    return self._link(words, match["link_open"])
                if match[0] in ("$", r"\$"):  # Jupyter ignores the backslash
                    raise ValueError("a dollar sign that is no part of a formula")
            return match[0]

        text = INLINE.sub(rewrite, source)
        for kind in REWRITTEN:
            if found[kind] != children[kind]:
                raise ValueError(f"{kind} in a form that is not understood")
        return text

    def _role(self, name: str, content: str) -> str:
        if name == "recorded":
            run, path, form = content.split(":", 2)
            return format(results.lookup(run, path), form)
        words, target = re.match(r"(?:(.*?)\s*<)?([^<>]*)", content, re.S).groups("")
        if name not in ("doc", "eq", "ref"):
            raise ValueError(f"unknown role {{{name}}}")
        return self._link(words, f"{target}.md" if name == "doc" else f"#{target}")

    def _name(self, label: str) -> str:
        if label not in self.book.labels:
            raise ValueError(f"no label {label}")
        return self.book.labels[label].name

    def _link(self, words: str, address: str) -> str:
        """A link to a label or a file; without words, by its name or title."""
        path, _, label = address.partition("#")
        if re.match(r"\w+:", path):
            return f"[{words}]({address})"
        if not path:
            name, page = self._name(label), self.book.labels[label].page
            place = "" if page == self.page.name else self._address(f"{page}.md")
            return f"[{words or name or label}]({place}#{label})"
        if label:
            raise ValueError(f"write (#{label}) without a file")
        folder = "" if path.startswith("/") else posixpath.dirname(self.page.name)
        path = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
        if not (self.book.root / path).is_file():
            raise ValueError(f"no file {path}")
        if not words and (page := self.book.pages.get(path.removesuffix(".md"))):
            words = page.title
        return f"[{words}]({self._address(path)})"

    def _address(self, path: str) -> str:
        """Where the reader of a notebook finds a file: beside it, or on the web."""
        folder, name = posixpath.split(path)
        if folder == posixpath.dirname(self.page.name) and name.endswith(".md"):
            return name.removesuffix(".md") + ".ipynb"
        return f"{self.book.files}/{path}"


def add_references(cells: list[dict], executed: Path, committed: Path) -> None:
    """Give each cell with a check the output that it had in the execution.

    A committed output that agrees with it, but for numbers that nbval forgives as
    well, stays: so machines with other last digits give the same bytes.
    """
    import nbformat  # the lint does without it

    code = [c for c in cells if c["cell_type"] == "code" and c["id"] != "install"]
    if not any(CHECK.search(cell["source"]) for cell in code):
        return
    if not executed.exists():
        raise SourceError(f"{executed} is missing: run `make book` first")
    ran = nbformat.read(executed, 4).cells
    if [c.source.strip() for c in ran] != [c["source"].strip() for c in code]:
        raise SourceError(f"{executed} is of another source: run `make book` first")
    old = nbformat.read(committed, 4).cells if committed.exists() else []
    kept = {c.id: c.outputs[0].data for c in old if c.get("outputs")}
    for number, (cell, execution) in enumerate(zip(code, ran, strict=True), 2):
        if not CHECK.search(cell["source"]):
            continue
        if [o.output_type for o in execution.outputs] != ["execute_result"]:
            message = f"{executed}: cell {cell['id']} shows more than its check"
            raise SourceError(message)
        given = execution.outputs[0].data
        data = {kind: given[kind] for kind in ("text/html", "text/plain")}
        old = kept.get(cell["id"], {})
        if forgive(str(data)) == forgive(str(dict(old))):
            data = old
        run = {"execution_count": number}  # nbval compares only what was run
        shown = {"output_type": "execute_result", "data": data, "metadata": {}}
        cell |= run | {"outputs": [shown | run]}
        cell["metadata"].setdefault("tags", []).append("nbval-check-output")


def forgive(text: str) -> str:
    """An output without the digits that differ between machines."""
    rules = (ROOT / "tests/nbval.ini").read_text("utf-8")
    for pattern, replacement in re.findall(r"^regex: (.*)\nreplace: (.*)", rules, re.M):
        text = re.sub(pattern, replacement, text)
    return text


def text_of(book: Book, page: Page, executed: Path | None = None) -> str:
    """The text of the notebook that a page gives. Raises `SourceError`.

    `executed`: the folder of the execution, if it is not the usual one.
    """
    import nbformat

    made = Notebook(book, page)
    if made.faults:
        raise SourceError(page.located(made.faults))
    ran = (executed or EXECUTED) / f"{page.name}.ipynb"
    add_references(made.cells, ran, page.path.with_suffix(".ipynb"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    folded = [c["id"] for c in made.cells if "id" in c["metadata"]]
    metadata = {
        "colab": {"collapsed_sections": folded},
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    cells = nbformat.from_dict(made.cells)
    notebook = nbformat.v4.new_notebook(metadata=metadata, cells=cells)
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or compare notebooks; the exit status."""
    check = {"action": "store_true", "help": "compare, write nothing"}
    sources = {"nargs": "*", "type": Path, "help": "default: all of them"}
    given = parse(__doc__, arguments, {"--check": check, "sources": sources})
    book, status = Book(root), 0
    pages = {page.path.stem: page for page in book.notebooks}
    for name in [source.stem for source in given.sources] or pages:
        path = root / f"notebooks/{name}.ipynb"
        try:
            if name not in pages:
                raise SourceError(f"not in _toc.yml: notebooks/{name}")
            text = text_of(book, pages[name])
        except SourceError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if given.check:
            print(f"{name}.ipynb is not what {name}.md gives: run `make notebooks`")
            status = 1
        else:
            write_whole(path, text)
            print(f"wrote notebooks/{path.name}")
    return status

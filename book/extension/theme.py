"""All that bends the theme: what a page loads, from where, and what it offers.

A page asks no third party for anything, runs files of the book only, which the policy
in its head sees to, and loads only what it shows.
"""

from __future__ import annotations

import inspect
import re
import shutil
from functools import partial
from html import escape
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import imagesize
from docutils import nodes
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Operator, Punctuation, Text, Whitespace
from sphinx.application import Sphinx
from sphinx.config import Config

ONLY_WITH = {  # what a page shows that needs a file
    "clipboard.min.js": "highlight",
    "copybutton.css": "highlight",
    "copybutton.js": "highlight",
    "design-tabs.js": "sd-tab",
    "exercise.css": "exercise",
    "mystnb.css": "cell",
    "sphinx-design.min.css": "sd-",
}
ONLY_ON = {"start.css": {"book/index", "book/questions", "search"}}
PDF = "deep-learning-solutions.pdf"
# The hashes are of what the theme writes into each page, a choice of colours and a
# style for who has no scripts, and of the style of 404.html.
POLICY = """
default-src 'none'; base-uri 'none'; form-action 'self' file:; img-src 'self' data:;
font-src 'self';
script-src 'self' 'sha256-P1Gd/Wqjqq8uduID7MOciZi3jIWvAuyCldpRMjsiEjw=';
style-src 'self' 'sha256-C3nk0YHGM8DxSAqt/D7LJhnXw+LUypY+FxVXtw/fUEg='
'sha256-ROktS7JCHZKyAWOT8cxQCN7EJWAZ1QM9KEsyc3EZCoQ='"""
UNCOLOURED = {Name, Name.Namespace, Operator, Punctuation, Whitespace}
SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.DOTALL)


def setup(app: Sphinx) -> None:
    """Register all this."""
    app.add_config_value("has_pdf", False, "html")
    app.setup_extension("sphinx.ext.linkcode")
    app.add_node(nodes.image, override=True, html=(show_image_late, None))
    app.add_node(nodes.entry, override=True, html=(begin_entry, end_entry))
    app.connect("config-inited", configure)
    app.connect("builder-inited", colour_less)
    app.connect("html-page-context", load_figures)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", forbid)
    # after the theme has made its menus (501) and all scripts are known
    app.connect("html-page-context", arrange_buttons, priority=900)
    app.connect("html-page-context", load_less, priority=900)
    app.connect("build-finished", copy_downloads)


# ------------------------------------------------------------- what a page loads


def load_figures(app: Sphinx, page, template, context, document) -> None:
    """Only pages with a figure that follows settings load its script."""
    figures = document.findall(nodes.figure) if document else ()
    if any("interactive" in figure["classes"] for figure in figures):
        app.add_js_file("figures.js", loading_method="defer")
        app.add_css_file("figures.css")


def load_less(app: Sphinx, page, template, context, document) -> None:
    """Take out inline scripts and what nothing uses."""
    shown = " ".join(re.findall('class="(.*?)"', context.get("body") or ""))

    def is_used(file) -> bool:
        name = re.sub(r"\.[0-9a-f]{64}", "", Path(file.filename or "").name)
        return (
            name
            and page in ONLY_ON.get(name, {page})
            and ONLY_WITH.get(name, "") in shown
        )

    for files in (context["script_files"], context["css_files"]):
        files[:] = filter(is_used, files)


class Formatter(HtmlFormatter):
    """Code with elements for what has a colour of its own, a fifth of all."""

    def format_unencoded(self, tokensource, outfile) -> None:
        """Take names and signs as text."""
        tokens = ((Text if k in UNCOLOURED else k, text) for k, text in tokensource)
        super().format_unencoded(tokens, outfile)


def colour_less(app: Sphinx) -> None:
    """Let Sphinx use it."""
    app.builder.highlighter.formatter = Formatter


def show_image_late(writer, node: nodes.image) -> None:
    """Load an image when the view comes near; keep its room until then."""
    uri = node["uri"]
    type(writer).visit_image(writer, node)
    if uri in writer.builder.images:
        width, height = imagesize.get(Path(writer.builder.srcdir) / uri)
        late = f'<img loading="lazy" width="{width:.0f}" height="{height:.0f}" '
        writer.body[-1] = writer.body[-1].replace("<img ", late, 1)


def begin_entry(writer, node: nodes.entry) -> None:
    """What has no words in the head of a table heads nothing."""
    type(writer).visit_entry(writer, node)
    if not node.astext().strip():
        writer.body[-1] = writer.body[-1].replace("<th", "<td", 1)
        writer.context[-1] = writer.context[-1].replace("</th", "</td")


def end_entry(writer, node: nodes.entry) -> None:
    """As always."""
    type(writer).depart_entry(writer, node)


# ------------------------------------------------------- what a page says and offers


def describe(app: Sphinx, page, template, context, document) -> None:
    """The first sentence of a page describes it to those who list it."""
    paragraph = document and document.next_node(nodes.paragraph)
    found = paragraph and SENTENCE.match(paragraph.astext())
    if not found or "\\" in found[0]:  # formulas cannot be set there
        return
    sentence = " ".join(found[0].split())
    for name, content in (
        ('name="description"', sentence),
        ('property="og:title"', app.env.titles[page].astext()),
        ('property="og:description"', sentence),
        ('property="og:site_name"', app.config.html_title),
        ('property="og:type"', "article"),
    ):
        context["metatags"] += f'<meta {name} content="{escape(content)}" />\n'


def forbid(app: Sphinx, page, template, context, document) -> None:
    """Name what a page may load and run, before anything else in its head."""
    policy = escape(" ".join(POLICY.split()), quote=False)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}" />\n'
    context["metatags"] = meta + context.get("metatags", "")


def pdf_of(app: Sphinx) -> Path:
    """Where `make pdf` writes the whole book."""
    return Path(app.outdir).parent / PDF


def arrange_buttons(app: Sphinx, page, template, context, document) -> None:
    """Offer the PDF; book.js does what a handler in the page would do."""
    whole = {
        "type": "link",
        "url": context["pathto"](PDF, 1),
        "text": "Whole book (.pdf)",
        "tooltip": "Download the whole book",
        "icon": "fas fa-book",
        "label": "download-book-button",
    }
    for button in context.get("header_buttons", []):
        inner = button.get("buttons", [])
        if button["label"] == "download-buttons" and app.config.has_pdf:
            inner.append(whole)
        for one in (button, *inner):
            if one["type"] == "javascript":
                one |= {"type": "link", "url": "#"}
                del one["javascript"]


def copy_downloads(app: Sphinx, error: Exception | None) -> None:
    """Offer the committed notebooks, and the PDF if the pages do."""
    source, site = Path(app.srcdir), Path(app.outdir)
    for page in app.env.found_docs:
        notebook, offered = (d / f"{page}.ipynb" for d in (source, site / "_sources"))
        if offered.exists() and notebook.exists():
            shutil.copy(notebook, offered)
    if app.config.has_pdf:
        shutil.copy(pdf_of(app), site)
    else:
        (site / PDF).unlink(missing_ok=True)


def configure(app: Sphinx, config: Config) -> None:
    """Write all pages anew when the PDF appears or is gone; link to the repository."""
    config.has_pdf = pdf_of(app).exists()
    theme = config.html_theme_options
    files = f"{theme['repository_url']}/blob/{theme['repository_branch']}"
    config.linkcode_resolve = partial(address, files)


def address(files: str, domain: str, info: dict[str, str]) -> str | None:
    """Where the lines of a Python object can be read; None for a mere value."""
    found = attrgetter(info["fullname"])(import_module(info["module"]))
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)
    if not inspect.isclass(found) and not inspect.isfunction(found):
        return None
    lines, first = inspect.getsourcelines(found)
    path = info["module"].replace(".", "/")
    return f"{files}/{path}.py#L{first}-L{first + len(lines) - 1}"

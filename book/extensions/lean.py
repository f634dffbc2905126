"""Keep the pages light: what no reader sees is not loaded, or only when it is near."""

from __future__ import annotations

import re
from pathlib import Path

import imagesize
from fontTools import subset
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

STYLE = "_static/styles/pydata-sphinx-theme.css"
SCRIPT = "_static/scripts/pydata-sphinx-theme.js"
ICONS = "_static/vendor/fontawesome/webfonts"
TABS = "design-tabs.js"  # for tabs, of which there are none
ONLY_ON = {"start.css": {"book/index", "book/questions", "search"}}

# Whenever a formula has been set, the theme asks each piece of code for its width. The
# browser would have to lay out for that what is folded or far from the view.
MEASURED = "forEach(e=>{e.tabIndex="
MEASURED_IF_SHOWN = (
    "forEach(e=>{if(e.checkVisibility({contentVisibilityAuto:!0}))e.tabIndex="
)


def load_images_late(app: Sphinx, page, template, context, document) -> None:
    """Load an image when the view comes near; keep its room until then."""
    sources = {name: source for source, name in app.builder.images.items()}

    def with_size(tag: re.Match) -> str:
        width, height = imagesize.get(Path(app.srcdir) / sources[tag[2]])
        size = f'width="{width:.0f}" height="{height:.0f}"'
        return f'<img loading="lazy" {size}{tag[1]}'

    if "body" in context:
        pattern = r'<img( [^>]*src="[^"]*_images/([^"]+)")'
        context["body"] = re.sub(pattern, with_size, context["body"])


def load_what_is_used(app: Sphinx, page, template, context, document) -> None:
    """Leave out a script of sphinx-design, and the styles of other pages."""
    scripts, styles = (context.get(f"{kind}_files", []) for kind in ("script", "css"))
    scripts[:] = [s for s in scripts if not str(s.filename).endswith(TABS)]
    names = [name for name, pages in ONLY_ON.items() if page not in pages]
    styles[:] = [s for s in styles if Path(s.filename).name not in names]


def finish(app: Sphinx, error: Exception | None) -> None:
    """Change the theme's files, which Sphinx has copied."""
    site = Path(app.outdir)
    if error or not (site / SCRIPT).exists():
        return
    script = (site / SCRIPT).read_text("utf-8")
    if MEASURED_IF_SHOWN not in script:
        if MEASURED not in script:
            raise ExtensionError("the theme measures code in another way; see lean.py")
        (site / SCRIPT).write_text(script.replace(MEASURED, MEASURED_IF_SHOWN))
    keep_used_icons(site)


def keep_used_icons(site: Path) -> None:
    """Leave of the icon fonts what the pages draw: 10 of 270 kB."""
    style = (site / STYLE).read_text("utf-8")
    files = [*site.rglob("*.html"), *site.glob("_static/scripts/*.js")]
    text = "".join(file.read_text("utf-8") for file in files)
    used = set(re.findall(r"\bfa-[a-z0-9-]+", text))
    points = set()
    drawn = r'(?<![^{}])([^{}]+){[^{}]*content:"\\(\w{4})"'
    for selector, point in re.findall(drawn, style):
        names = set(re.findall(r"\.(fa-[a-z0-9-]+)", selector))
        if not names or names & used:  # what has no name is drawn by the theme itself
            points.add(int(point, 16))
    for file in (site / ICONS).glob("*.ttf"):
        options = subset.Options(flavor="woff", layout_features=[])
        font = subset.load_font(file, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=points)
        subsetter.subset(font)
        subset.save_font(font, file.with_suffix(".woff"), options)
    sources = (
        r'url\(([^)]+)\.woff2\) format\("woff2"\),url\(\1\.ttf\) format\("truetype"\)'
    )
    style = re.sub(sources, r'url(\1.woff) format("woff")', style)
    (site / STYLE).write_text(style)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("html-page-context", load_what_is_used, priority=900)
    app.connect("html-page-context", load_images_late)
    app.connect("build-finished", finish)

"""Nothing that is read can run, nothing private is published, pages run only their own."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
import subprocess
from collections.abc import Iterator
from urllib.parse import quote, unquote

import nbformat
import pytest
from browsing import PAGES, ROOT, SETS, SITE, needs_site, wait_until
from playwright.sync_api import expect
from test_reading import KEEP, MARKS, file_of, import_file

from book.extension.theme import POLICY

# ------------------------------------------------------------------ what could run

MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
BUILT_IN = {"compile", "eval", "exec"}
CALLS = {"joblib.load", "torch.hub.load", "yaml.load"}
METHODS = {"extractall", "full_load", "popen", "read_pickle", "system", "unsafe_load"}
NEEDED = {
    "torch.load": ("weights_only",),
    "get_state_dict": ("weights_only", "check_hash"),
    "load_state_dict_from_url": ("weights_only", "check_hash"),
}
ALLOWED = {
    ("helpers/data.py", "pickle"),  # read after its checksum, and arrays only
    ("tools/measure/training.py", "exec"),  # cells of the book
    *(("claims/attack.py", name) for name in ("compile", "eval", "exec")),  # too
}


def dangers(code: str) -> Iterator[str]:
    """What in the code reads or runs what a stranger may have written."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & {*CALLS, "torch.load"}
            yield from {node.module} & MODULES
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            yield from {called} & (BUILT_IN | CALLS)
            name = called.rpartition(".")[2]
            yield from {name} & METHODS if called != name else ()
            needed = NEEDED.get(called) or NEEDED.get(name, ())
            yield from {option for option in needed if options.get(option) != "True"}
            refused = {"allow_pickle", "shell"} & options.keys()
            yield from {option for option in refused if options[option] != "False"}


def test_nothing_is_read_that_could_run():
    found, folders = set(), ("book/extension", "claims", "helpers", "tools")
    scripts = [path for name in folders for path in ROOT.glob(f"{name}/**/*.py")]
    codes = [(path, path.read_text("utf-8")) for path in scripts]
    for path in ROOT.glob("notebooks/*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                code = re.sub(r"^(\s*)%.*", r"\1pass", cell.source, flags=re.M)
                codes.append((path, code))
    for path, code in codes:
        found |= {(str(path.relative_to(ROOT)), what) for what in dangers(code)}
    assert found == ALLOWED


DANGEROUS = """\
import pickle; from pickle import loads; eval(text); exec(text); joblib.load(path)
from joblib import load; torch.load(path); torch.load(path, weights_only=False)
from torch import load; weights.get_state_dict(check_hash=True); os.system(text)
weights.get_state_dict(weights_only=True); np.load(path, allow_pickle=True)
yaml.load(text, Loader); archive.extractall(); subprocess.run(text, shell=True)"""
HARMLESS = "model.eval(); re.compile(x); np.load(p); torch.load(p, weights_only=True)"


@pytest.mark.parametrize("code", re.split("; |\n", DANGEROUS))
def test_each_of_them_would_be_found(code):
    assert len([*dangers(code)]) == 1 and not [*dangers(HARMLESS)]


# ------------------------------------------------------------------ what is private

PRIVATE = re.compile(
    r"BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(gh[a-z]_\w{36}|github_pat_\w{22}|glpat-[\w-]{20}|hf_[a-zA-Z]{30}"
    r"|sk-[\w-]{32}|AKIA[0-9A-Z]{16}|xox[a-z]-[\w-]{10}|eyJ[\w-]{10,}\.eyJ)"
    r"|://[^\s/:@\"'{}]+:[^\s/@\"'{}]+@"  # a password in an address
    r"|\b[\w.+-]+@(?!example\.(com|org)\b)[a-z][\w-]*\.[a-z]{2,}\b"  # of a person
    r"|(?<![\w.\"'(])/(home|root|Users|work)/\w|\b[A-Z]:\\+Users\\"  # on a machine
)


def tracked() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no git repository")
    return [name for name in done.stdout.split("\0") if (ROOT / name).is_file()]


def test_no_file_holds_a_secret_an_address_or_a_path_of_a_machine():
    names, found = [*{*tracked()} - {"tests/test_security.py"}], []
    for name in names:
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [(name, match[0]) for match in PRIVATE.finditer(text)]
    assert len(names) >= 100 and found == []
    for text in (  # each of these would be found
        *("-----BEGIN RSA PRIVATE KEY-----", "token: ghp_" + "a1B2" * 9),
        *("https://user:secret@host.org/", "Jo Doe <jo.doe@uni.edu>"),
        *("File /home/jo/book.py", "C:\\Users\\jo"),
    ):
        assert PRIVATE.search(text), text


@needs_site
def test_no_page_tells_where_it_was_built():
    files = [*SITE.rglob("*.html"), *SITE.glob("*.js"), *SITE.rglob("_sources/**/*.*")]
    texts = {path.name: path.read_text("utf-8") for path in files}
    assert [name for name, text in texts.items() if f"{ROOT}/" in text] == []


# ------------------------------------------------------------------ what pages run


def hash_of(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@needs_site
def test_each_page_has_the_policy_which_names_what_the_theme_writes_and_no_more():
    rules, used = dict(part.split(None, 1) for part in POLICY.split(";")), {}
    head = f'http-equiv="Content-Security-Policy" content="{" ".join(POLICY.split())}"'
    assert rules["default-src"] == "'none'"
    for path in [*map(SITE.joinpath, PAGES), SITE / "404.html"]:
        page = path.read_text("utf-8")
        assert 0 < page.find(head) < re.search("<(script|style|link)", page).start()
        assert not re.findall(r'<[^>]+\s(?:on\w+|style)="', page), path
        for kind in ("script", "style"):
            found = re.findall(rf"<{kind}\b([^>]*)>(.*?)</{kind}>", page, re.S)
            hashes = {hash_of(code) for options, code in found if "src=" not in options}
            used[kind] = used.get(kind, set()) | hashes
    for kind, hashes in used.items():
        assert {*rules[f"{kind}-src"].split()} == {"'self'", *hashes}


RUNS = """() => {
  const script = document.createElement("script");
  script.textContent = "window.ran = 1";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='ran = 1'>");
  setTimeout(() => eval("window.ran = 1")); // later, since the test may use eval itself
  return new Promise(done => setTimeout(() => done("ran" in window), 300));
}"""


@needs_site
def test_what_the_policy_forbids_does_not_run_and_what_it_names_does(open_page):
    page = open_page("book/about.html")
    page.evaluate("window.print = () => (window.printed = true)")
    page.locator(".btn-fullscreen-button").click()
    wait_until(page, "document.fullscreenElement !== null")
    page.locator(".btn-download-pdf-button").dispatch_event("click")
    assert page.evaluate("window.printed")
    assert open_page.problems == []
    assert page.evaluate(RUNS) is False
    said = [text for text in open_page.problems if re.match("Executing|Eval", text)]
    for refused in ("inline script", "inline event handler", "as JavaScript"):
        assert any(refused in text for text in said), refused
    open_page.problems.clear()


# ------------------------------------------------------------ what a stranger writes

EVIL = (
    "\"'></script><img src=x onerror=ran=1><svg onload=ran=1>"
    "<script>ran=1</script><a href=javascript:ran=1>"
)
DISK = SITE.as_uri() + "/"  # where no policy helps


def assert_harmless(page):
    page.wait_for_timeout(200)
    assert page.evaluate("'ran' in window") is False
    made = "[src=x], [onerror], [onload], [href^='javascript:' i]"
    assert page.locator(made).count() == 0


@needs_site
@pytest.mark.parametrize("evil", [quote(EVIL), "javascript:ran=1"])
def test_neither_an_address_nor_what_is_typed_can_run(open_page, evil):
    for address in (
        *("search.html?q={}", "search.html?q=gradient&highlight={}#{}"),
        *("book/questions.html?words={}&set={}&marks={}", "book/about.html?q={}#{}"),
    ):
        page = open_page(address.replace("{}", evil), DISK)
        if address.startswith("search.html?q={"):
            expect(page.locator("#found-questions output")).not_to_be_empty()
        assert_harmless(page)
    page = open_page("book/questions.html", DISK)
    page.get_by_label("Words of the title").fill(unquote(evil))
    expect(page.locator(".filter output")).to_contain_text("0 of ")
    assert_harmless(page)
    page.keyboard.press("Control+k")
    page.keyboard.insert_text(unquote(evil))
    page.keyboard.press("Enter")
    expect(page.locator("#found-questions output")).to_have_text("0 questions")
    assert_harmless(page)


@needs_site
def test_what_is_imported_or_kept_cannot_run(open_page):
    moment = "2026-01-01T00:00:00.000Z"
    page = open_page("book/questions.html", DISK)
    hostile = [
        file_of(**{EVIL: ("done", moment)}),
        file_of(gr_1_1a=(EVIL, moment)),
        file_of(gr_1_1a=("done", moment + EVIL)),
        file_of(__proto__=("done", moment)),
        EVIL,
    ]
    for content in hostile:
        import_file(page, content, name="<img src=x onerror=ran=1>.json")
        assert_harmless(page)
        page.keyboard.press("Escape")
    for key in (MARKS, "deep-learning-solutions.solutions", "mode", "theme"):
        for content in hostile if key == MARKS else [EVIL]:
            page.evaluate(KEEP, [key, content])
            page.reload()
            assert_harmless(page)
    open_page.problems.clear()  # the theme says that it knows no such mode


@needs_site
def test_the_settings_of_a_figure_take_only_numbers(open_page):
    name = next(name for name in SETS if "optimization_theory" in name)
    page = open_page(name, DISK)
    slider = page.locator("figure.interactive input").first
    kinds = page.locator("figure.interactive :is(input, select, textarea)")
    assert {*kinds.evaluate_all("all => all.map(i => i.type)")} == {"range"}
    move = "(s, evil) => { s.value = evil; s.dispatchEvent(new Event('input')); }"
    slider.evaluate(move, EVIL)
    assert re.fullmatch(r"-?[\d.]+", slider.input_value())
    assert_harmless(page)

"""The tools of the book: `python -m tools VERB ...`; the Makefile calls them so.

Nothing is imported before the verb is known: `install` has the standard library only.
"""

import sys
from importlib import import_module
from pathlib import Path

from .workspace import SourceError

VERBS = {
    "install": "site.install",
    "book": "site.build",
    "serve": "site.serve",
    "pdf": "site.pdf",
    "pictures": "site.pictures",
    "execute": "run.execute",
    "results": "run.execute --scale full",
    "again": "run.again",
    "reproduce": "run.reproduce",
    "colab": "run.colab",
    "mutants": "run.mutants",
    "lint": "source.lint",
    "question": "source.question",
    "notebooks": "source.notebook",
    "bench-training": "measure.training",
    "bench-site": "measure.pages",
    "bench-scale": "measure.growth",
    "bench-build": "measure.building",
}


def usage() -> str:
    """Each verb with the first line of what its module says of itself."""
    lines = ["python -m tools VERB [--help]", ""]
    for verb, command in VERBS.items():
        module, *options = command.split()
        path = Path(__file__).parent / f"{module.replace('.', '/')}.py"
        words = path.read_text("utf-8").splitlines()[0].strip('"')
        lines.append(" ".join([f"  {verb:<15}", words, *options]))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Do what the first argument says; the exit status."""
    verb, *others = arguments or [""]
    if verb not in VERBS:
        print(usage())
        return 0 if verb in ("-h", "--help") else 2
    module, *options = VERBS[verb].split()
    sys.argv[0] = f"python -m tools {verb}"  # as it calls itself in messages
    try:
        return import_module(f".{module}", __package__).main([*options, *others]) or 0
    except SourceError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

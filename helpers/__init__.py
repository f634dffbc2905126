"""What the notebooks of the book share."""

import os

if os.environ.get("BOOK_SCALE", "quick") != "quick":
    from helpers import recording  # noqa: F401  it notes which code this is, before it runs

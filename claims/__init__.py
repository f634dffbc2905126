"""Claims that are tried: checks that can say no, and what tries the checks."""

from . import check

__all__ = ["check"]

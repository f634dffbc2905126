"""Claims that are tried: checks that can say no, and what tries the checks."""

"""What the Makefile calls: `python -m tools VERB`."""

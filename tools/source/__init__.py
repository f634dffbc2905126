"""The sources of the book: what may stand in them, and what is made of their text."""

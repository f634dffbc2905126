"""Measure how fast the training, the pages and the builds are."""

"""The notebooks executed: problem by problem, again, elsewhere, and as Colab does."""

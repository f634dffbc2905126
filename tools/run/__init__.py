"""What executes the code of the book."""

"""The book store in a real browser."""

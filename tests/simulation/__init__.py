"""A whole cloud in one process, on virtual time, in an order that a seed chooses, against plain models: README.md."""

"""The operations, a file per noun."""

"""The operations of Pipes, a module per noun."""

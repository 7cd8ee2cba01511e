"""Kills a process that uses the store, and checks what is left. By hand: `python -m tests.crash --rounds 2000`."""

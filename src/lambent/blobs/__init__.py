"""Bodies too large for the store. The contract is in DESIGN.md beside this file."""

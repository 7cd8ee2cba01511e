"""The ordered, transactional key-value store that holds all state. The contract is in DESIGN.md beside this file."""

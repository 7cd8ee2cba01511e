"""Drills: faults on three real nodes, a real PostgreSQL and a real object store, and what they cost."""

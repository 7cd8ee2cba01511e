"""Backups and points in time: see DESIGN.md."""

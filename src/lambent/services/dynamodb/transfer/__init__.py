"""Exports to S3 and imports from it: see DESIGN.md."""

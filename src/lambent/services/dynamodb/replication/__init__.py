"""Global tables: see DESIGN.md."""

"""Backup, restore and copying of whole clouds. How it works is in DESIGN.md beside this file."""

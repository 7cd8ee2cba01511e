"""Frozen types and protocols that every room may know. Imports nothing of Lambent."""

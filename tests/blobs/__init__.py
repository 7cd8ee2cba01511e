"""Tests of the blobs."""

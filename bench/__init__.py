"""Benchmarks that run against any endpoint that speaks the AWS wire protocols."""

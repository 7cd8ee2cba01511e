"""Tests that drive a running Lambent through its front door, as its users do."""

"""Engines: `memory` for tests, `rocks` for one machine. Each implements `contracts.ports.Store`."""

"""Engines: `memory` for tests, `rocks` for one machine, `postgres` for many nodes on one database (not yet wired to the
commands). Each implements `contracts.ports.Store`."""

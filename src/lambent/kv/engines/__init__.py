"""Engines: `memory` for tests and simulations, `rocks` for one machine, `postgres` for many nodes on one database.
Each implements `contracts.ports.Store`."""

"""The services: one package each, all of the same shape, none importing another."""

"""The bus: outbox to targets."""

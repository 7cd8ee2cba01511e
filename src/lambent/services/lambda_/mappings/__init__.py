"""Event source mappings: what is kept of them, how they are checked and shown. The polling is `lambent.bus.pollers`."""

"""What the three kinds of API have in common: one namespace of ids, domain names with their mappings, addresses."""

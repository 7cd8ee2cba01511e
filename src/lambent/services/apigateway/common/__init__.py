"""What REST, HTTP and WebSocket APIs have in common: one namespace of API ids, domain names and their mappings, addresses."""

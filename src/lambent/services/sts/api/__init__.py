"""STS's operations, one file per noun."""

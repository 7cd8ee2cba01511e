"""The operations of DynamoDB, a module per noun."""

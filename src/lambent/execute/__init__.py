"""The execute-api room: answers requests to the APIs that users have built with API Gateway."""

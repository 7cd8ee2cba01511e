"""The operations of S3, one file per noun."""

"""The operations of CloudWatch, one file per noun."""

"""The operations of Application Auto Scaling, a module per noun."""

"""STS keeps nothing of its own: sessions belong to the directory, which issues and finds them."""

"""The front door: the HTTP edge, and the list of rooms that a request passes."""

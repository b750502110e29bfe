"""Whether what EdgeFrac makes is the same each time, and whole whatever strikes while it is made."""

"""What people read: the model card and, later, the report."""

"""How fast is a file, what does it cost in memory, and how far is that from what the machine can do?"""

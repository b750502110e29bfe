"""How fast, how steady and how hard to kill the reading room is: real clients against a real ``edgefrac serve``."""

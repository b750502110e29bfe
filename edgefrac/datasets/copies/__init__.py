"""How copies of a radiograph are told from other radiographs: as wholes, and moved by small rotations and crops."""

"""File -> radiograph -> network input, and the evidence map back onto the radiograph."""

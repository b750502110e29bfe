"""Does an exported file still do what the trained network did? Figures, intervals, gate, certificate, diagnosis."""

"""DICOM -> radiographs, frame by frame. Patient data never enters: only the tags of the picture are read."""

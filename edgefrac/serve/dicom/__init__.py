"""The reading room among DICOM devices: receives images, sends pictures and reports into the same study."""

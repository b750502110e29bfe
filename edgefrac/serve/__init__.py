"""The reading room: radiographs come in by page, REST, DICOM or folder, and answers go back the same way.

One server process and its readers. A reader is a child process that decodes and predicts: bytes from strangers meet
native decoders only there, under limits of time and memory. What was acknowledged is in the work list, an SQLite file,
and survives ``kill -9``.
"""

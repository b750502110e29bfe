"""Predicting over an archive: folders and zips of radiographs in, a resumable Parquet data set out."""

"""Runtimes: a model file in, probabilities and evidence maps out, behind one ``Session`` interface."""

"""Fetch, run, settle: the three questions of a worker, a file each."""

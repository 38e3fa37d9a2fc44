"""`python -m qtasks.demo`: real files, real worker processes, failures, a kill, and a proof of the result.

It hashes and counts the words of every file of Python's standard library, one task a file, and compares
the totals with those of a straight loop.
"""

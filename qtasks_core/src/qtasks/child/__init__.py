"""The program of a child process: what runs the bodies of `executor="process"`, one at a time."""

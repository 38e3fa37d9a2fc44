"""`python -m qtasks` is the command `qtasks`."""

from qtasks.cli import main

if __name__ == "__main__":
    main()

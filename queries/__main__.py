"""`python -m queries` is the command `kpaudit`."""

from queries.cli import main

if __name__ == "__main__":
    main()

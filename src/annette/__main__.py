"""``python -m annette``: the command line."""

from annette.cli.main import main

if __name__ == "__main__":
    main()

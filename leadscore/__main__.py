"""`python -m leadscore`: the command line."""

from leadscore.cli import main

if __name__ == "__main__":
    main()

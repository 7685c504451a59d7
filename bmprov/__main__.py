"""`python -m bmprov`: the command line, where no `bmprov` is on the PATH."""

from bmprov.cli.main import main

if __name__ == "__main__":
    main()

"""Launches charrnn from a checkout: `python cli.py train ...`. The installed command is `charrnn`."""

from charrnn.commands.main import main

if __name__ == "__main__":
    main()

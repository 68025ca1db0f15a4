"""`python -m charrnn`."""

from charrnn.commands.app import main

if __name__ == "__main__":
    main()

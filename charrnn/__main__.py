"""`python -m charrnn`."""

from charrnn.commands.main import main

if __name__ == "__main__":
    main()

"""`python -m regulars` is the `regulars` command."""

from regulars.main.cli import main

main()

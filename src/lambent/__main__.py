"""`python -m lambent` is `lambent`."""

from lambent.cli import main

main()

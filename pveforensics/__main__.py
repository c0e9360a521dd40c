"""`python -m pveforensics` is the command line."""

from pveforensics.cli import main

main()

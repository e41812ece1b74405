"""`python -m perturbax` is the `perturbax` command."""

from perturbax.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""``python -m deepspace.cli``."""

from __future__ import annotations

from deepspace.cli import main

if __name__ == "__main__":
    main()

"""``python -m cnnviz`` is the command ``cnnviz``."""

from cnnviz.cli import main

raise SystemExit(main())

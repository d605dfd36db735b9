"""Everything that can be said against a configuration file, by looking at the file alone."""

from config.lint.run import lint, lint_document

__all__ = ["lint", "lint_document"]

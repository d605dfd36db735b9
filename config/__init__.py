"""What an operator may write: models, loader, lint, defaults and the one effective policy."""

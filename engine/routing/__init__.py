"""From rules to who must hold what: selectors, explanations."""

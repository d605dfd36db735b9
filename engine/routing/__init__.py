"""From rules to who must hold what: matching, choosing places for copies, explanations."""

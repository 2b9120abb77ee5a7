"""Learning samples: what happened, in small records that one may learn from. Kept only where asked for."""

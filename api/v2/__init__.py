"""Resources for programs written for this site, under /api/v2."""

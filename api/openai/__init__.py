"""OpenAI's protocol, under /v1 and /api/v1: a persona is a model that any program can use."""

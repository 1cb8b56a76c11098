"""The API of the earlier browser client, under /api.

Its oddities are kept where that client depends on them: 200 for a reply that failed, whole
histories, 401 for nothing but a token. Clients written today use /api/v2.
"""

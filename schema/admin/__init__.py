"""The operator's pages of the Django admin."""

from schema.admin import pages as pages  # registers them when Django discovers this module

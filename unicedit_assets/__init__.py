"""UnicEdit: the open data engine for instruction-based image editing."""

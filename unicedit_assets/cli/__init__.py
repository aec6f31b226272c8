"""The ``unicedit`` command: thin commands over the pipeline; ``make`` only wraps it."""

"""Pictures with exact truth: scenes as graphs, edits as operations on them, failures of chosen kind."""

"""Pictures with exact truth: scenes as graphs, edits as operations, failures of chosen kind."""

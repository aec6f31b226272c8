"""The truth harness: planted good and bad edits go through the verifier and are counted."""

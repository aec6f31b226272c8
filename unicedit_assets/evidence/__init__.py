"""The evidence verifier and judge: two pictures and a text in, measured figures out."""

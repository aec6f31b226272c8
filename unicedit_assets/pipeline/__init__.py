"""What each stage computes, and the lineage that says when it must."""

"""What is written of benchmark results for others: files, tables, a leaderboard."""

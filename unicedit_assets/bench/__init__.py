"""UnicBench for any model and any judge: samples, judging, records, statistics, exports; pure."""

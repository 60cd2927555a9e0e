"""The same rulebook where the data is larger than memory, or lives elsewhere: buckets, SQL, Spark."""

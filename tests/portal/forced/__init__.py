"""An app of the tests that makes every kind of process fail on a family's data: test_logs.py reads what they print."""

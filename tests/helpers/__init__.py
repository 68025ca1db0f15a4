"""What several tests need, and no tests."""

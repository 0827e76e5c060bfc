"""What people and indexes hand in, read into values."""

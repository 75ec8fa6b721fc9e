"""What a leader wants: from the path of an interval to one reward per copy."""

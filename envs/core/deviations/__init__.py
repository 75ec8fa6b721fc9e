"""What a follower could gain by deviating, where a market can say it."""

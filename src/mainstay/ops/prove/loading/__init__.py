"""The load of a proof: journeys wherever they come from, the client that makes their requests, and when each is due."""

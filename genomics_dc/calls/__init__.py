"""What the workflow does that no outside program does: callable regions, proof of 0/0, identity, comparison."""

"""What it takes to run the flows: the deployments, a process that serves them, and the demo."""

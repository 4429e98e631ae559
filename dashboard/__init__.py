"""What faces the network: pages, the interface for programs, and the receiver of webhooks."""

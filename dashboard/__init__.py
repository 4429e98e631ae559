"""What faces the network: the receiver of QuickBooks's webhooks."""

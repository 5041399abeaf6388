"""What programs talk to: the REST API of the hub, and the Togai dialect of the billing workspace."""

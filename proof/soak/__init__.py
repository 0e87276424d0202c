"""Long use: hundreds of deploys and rollbacks of a small stack, and what has grown or slowed down after them."""

"""Pooling engines side by side: what benches/peers.py is made of."""

"""The judge, held against observations made by hand: one right world, and each test changes one thing in it."""

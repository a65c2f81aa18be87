"""Records to adapters: examples, losses, the one training loop, the gate, the trainer process and its launcher.

Only the trainer process imports torch: nothing that `stet.learning.launcher` or `stet.learning.schedule` imports does.
"""

"""Live training: settings, the queue of trainings, and the loop that can be watched and stopped."""

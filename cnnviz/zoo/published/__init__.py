"""Networks that others trained: one comes with the installation, others can be downloaded."""

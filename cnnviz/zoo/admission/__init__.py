"""What a file may ask Keras to build: rules, and explicit lists of classes and operations."""

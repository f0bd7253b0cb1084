"""Which pixels support a class: targets, methods, class activation maps, and their evaluation."""

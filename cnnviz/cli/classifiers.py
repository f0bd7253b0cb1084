"""``cnnviz bank`` and ``cnnviz linear``: classifiers without a network."""

import argparse

from cnnviz.cli.options import Commands, add_models_folder


def add_commands(commands: Commands) -> None:
    """Add ``bank`` and ``linear``."""
    bank = commands.add_parser("bank", help="train a classifier on the responses of a filter bank")
    bank.add_argument("data", help="fashion-mnist or svhn")
    add_models_folder(bank)
    bank.set_defaults(run=_bank)
    linear = commands.add_parser("linear", help="train a linear classifier: one template a class")
    linear.add_argument("data", help="fashion-mnist, cifar-10 or svhn")
    add_models_folder(linear)
    linear.set_defaults(run=_linear)


def _bank(options: argparse.Namespace) -> int:
    from cnnviz.classifiers.filter_bank import save_classifier, train_classifier

    classifier = train_classifier(options.data)
    path = save_classifier(classifier, options.data, options.folder)
    print(f"Accuracy {classifier.accuracy:.2%} on {classifier.num_test_images} test images")
    print(f"Saved {path}")
    return 0


def _linear(options: argparse.Namespace) -> int:
    from cnnviz.classifiers.linear import save_linear, train_linear

    classifier = train_linear(options.data)
    path = save_linear(classifier, options.data, options.folder)
    print(f"Accuracy {classifier.accuracy:.2%} on {classifier.num_test_images} test images")
    print(f"Saved {path}")
    return 0

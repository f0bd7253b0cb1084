"""A stranger's file is checked before anything is built from it, and tried in its own process."""

from cnnviz.zoo.vetting.checking import TRIAL_SECONDS, check_file, check_image, try_in_child

__all__ = ["TRIAL_SECONDS", "check_file", "check_image", "try_in_child"]

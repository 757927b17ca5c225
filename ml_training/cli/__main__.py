"""`python -m ml_training.cli` is `ml-training`."""

from ml_training.cli.app import main

if __name__ == "__main__":
    main()

"""bindwatch: continuous watch over who can become whom on Google Cloud."""

__version__ = "0.1.0"

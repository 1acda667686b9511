"""How hard the pictures of a phase are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difficulty:
    reach: int = 1000  # how many of the commonest Chinese characters random runs draw from
    chinese: float = 0.5  # share of Chinese text
    smallest: int = 11  # type size, pixels
    largest: int = 40
    roughness: float = 0.5  # share of pictures with blur, noise, JPEG, rotation, ...
    dark: float = 0.2  # share of dark pictures

"""The embedded digits."""

from collections import Counter

import numpy as np
import pytest

from ml_core.data.sources import mnist_mini


@pytest.fixture(scope="module")
def digits():
    return mnist_mini()


@pytest.mark.parametrize(("split", "size"), [("train", 4000), ("test", 1000)])
def test_every_class_has_the_same_number_of_digits(digits, split, size):
    assert digits[split].num_rows == size
    assert Counter(digits[split]["label"]) == dict.fromkeys(range(10), size // 10)


def test_there_is_a_train_and_a_test_split(digits):
    assert list(digits) == ["train", "test"]


def test_columns_are_those_of_mnist_on_the_hub(digits):
    image = digits["test"][0]["image"]

    assert digits["train"].column_names == ["image", "label"]
    assert digits["train"].features["label"].names == [str(i) for i in range(10)]
    assert (image.size, image.mode) == ((28, 28), "L")


def test_the_pixels_have_the_mean_and_deviation_of_mnist(digits):
    pixels = np.stack([np.asarray(image) for image in digits["train"]["image"]]) / 255

    assert pixels.mean() == pytest.approx(0.1307, abs=0.003)
    assert pixels.std() == pytest.approx(0.3081, abs=0.003)


def test_no_digit_is_in_both_splits(digits):
    train, test = ({np.asarray(image).tobytes() for image in digits[name]["image"]} for name in ("train", "test"))

    assert not train & test

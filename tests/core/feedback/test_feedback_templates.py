"""Templates: called good or bad, and how far they are trusted."""

import pytest

from core import FeedbackLoop


def test_template_confidence_is_the_part_of_good_ratings(loop, url):
    assert loop.get_template_confidence("t") == 1.0
    assert loop.record_template_feedback("t", "good") == 1.0
    assert loop.record_template_feedback("t", "bad") == 0.5
    assert FeedbackLoop(url).record_template_feedback("t", "bad") == pytest.approx(1 / 3)
    assert loop.get_template_confidence("t") == pytest.approx(1 / 3)
    assert loop.get_template_confidence("T") == 1.0


@pytest.mark.anywhere
@pytest.mark.parametrize("rating", ["", "Good", "great", None, 1, True, ["good"]])
def test_a_template_rating_that_is_neither_good_nor_bad_is_a_value_error(loop, raw, rating):
    with pytest.raises(ValueError, match="rating"):
        loop.record_template_feedback("t", rating)
    assert raw.dbsize() == 0

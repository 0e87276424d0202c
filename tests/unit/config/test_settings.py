"""Settings by option, environment, teal.yml and default: what is read of each."""

from __future__ import annotations

import pytest

from teal.config.options import Overrides
from teal.config.settings import again, settings_of
from teal.config.teal_yml import TealYml
from teal.core.model.stack import Stage
from teal.core.model.units import Seconds
from teal.errors import ConfigError


def test_a_canary_s_stages_are_read_as_people_write_them() -> None:
    said = TealYml(canary=["5% for 2m", "25% for 5m", "50%"], bake="1m")
    settings = settings_of(Overrides(), {}, said)
    assert settings.canary == (Stage(5, Seconds(120)), Stage(25, Seconds(300)), Stage(50))
    assert settings.bake == 60
    assert again(settings, Overrides(), {}).canary == settings.canary
    option = settings_of(Overrides(canary="12.5% for 30s", bake="0"), {}, said)
    assert (option.canary, option.bake) == ((Stage(12.5, Seconds(30)),), 0)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["ten"], "no share of users"),
        (["0%"], "no share of users"),
        (["100%"], "no share of users"),
        (["5% for long"], "is not a duration"),
        (["5%", "10%"], "only the last stage may go on until somebody decides"),
        (["10% for 1m", "5% for 1m"], "each stage must lead more users"),
    ],
)
def test_a_canary_that_can_t_be_meant_is_refused_with_an_example(written: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        settings_of(Overrides(), {}, TealYml(canary=written))
    assert "for example" in caught.value.hint

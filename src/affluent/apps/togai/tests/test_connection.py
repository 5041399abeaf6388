"""The test of a connection: what is blamed for what."""

from __future__ import annotations

import pytest

from affluent.apps.togai.app import app
from affluent.apps.togai.schemas import Credentials
from affluent.apps.togai.tests.small_togai import KEY, SmallTogai
from affluent.sdk import AuthFailed, Misconfigured, RateLimited, Unavailable
from tests.support.apps import Bench, LocalVendor, Say, bench, local_vendor


async def test_a_good_key_is_accepted_with_one_cheap_read(desk: Bench, vendor: LocalVendor) -> None:
    assert await desk.test() == "Togai accepted the key."
    assert vendor.asked() == ["GET /accounts"]
    assert vendor.calls[0].query == {"pageSize": "1"}


async def test_a_wrong_key_is_blamed_on_its_field(vendor: LocalVendor) -> None:
    async with bench(app, {"secret_key": "a-wrong-secret-key", "base_url": vendor.url}) as desk:
        with pytest.raises(AuthFailed, match="refused the secret key") as refused:
            await desk.test()
    assert type(refused.value) is AuthFailed
    assert (refused.value.field, refused.value.status) == ("secret_key", 401)
    assert "a-wrong-secret-key" not in refused.value.message
    assert ".." not in refused.value.message


async def test_a_key_that_may_not_read_accounts_is_a_good_key(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["GET accounts"] = Say(status=403, body={"message": "needs the scope accounts:read"})
    assert await desk.test() == "Togai knows the key; its token may not read accounts."


@pytest.mark.parametrize(
    "said",
    [
        Say(status=404, body="<html>Not found</html>"),
        Say(status=404, body={"detail": "Not found"}),
        Say(status=404, body={"message": "There is nothing here"}),
        Say(status=200, body="<html>Welcome</html>"),
        Say(status=200, body=["no object"]),
        Say(status=301, body="", headers={"Location": "/"}),
        Say(status=405, body={"message": "Method not allowed"}),
    ],
    ids=["html 404", "another 404", "a 404 in Togai's form", "a web page", "a list", "a redirect", "a wrong method"],
)
async def test_an_address_that_is_not_togai_is_blamed_on_the_base_url(said: Say) -> None:
    async with (
        local_vendor(lambda _call: said) as other,
        bench(app, {"secret_key": KEY, "base_url": other.url}) as desk,
    ):
        with pytest.raises(Misconfigured, match="Check the base URL") as refused:
            await desk.test()
    assert refused.value.field == "base_url"


@pytest.mark.parametrize(("status", "meaning"), [(429, RateLimited), (500, Unavailable), (503, Unavailable)])
async def test_togai_being_busy_or_down_blames_nobody(
    desk: Bench, togai: SmallTogai, status: int, meaning: type[Exception]
) -> None:
    togai.instead["GET accounts"] = Say(status=status, body={"message": "later"})
    with pytest.raises(meaning) as raised:
        await desk.test()
    assert type(raised.value) is meaning


def test_without_a_base_url_it_is_this_servers_own_workspace() -> None:
    own = Credentials.model_validate({"secret_key": KEY})
    assert app.base_url(own, "http://127.0.0.1:8080/") == "http://127.0.0.1:8080/togai"
    assert app.is_local(own)


def test_with_a_base_url_it_is_another_one() -> None:
    cloud = Credentials.model_validate({"secret_key": KEY, "base_url": "https://api.togai.com/"})
    assert app.base_url(cloud, "http://127.0.0.1:8080") == "https://api.togai.com"
    assert not app.is_local(cloud)


@pytest.mark.parametrize(
    "address", ["api.togai.com", "ftp://api.togai.com", "https://api.togai.com?a=1", "https://a b"]
)
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Credentials.model_validate({"secret_key": KEY, "base_url": address})

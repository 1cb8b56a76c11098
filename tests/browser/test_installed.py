"""The site can be installed, and a page says so when it cannot be reached."""

from playwright.sync_api import Page, expect


def test_page_says_that_the_site_cannot_be_reached_and_nothing_private_is_kept(
    alice_page: Page, console_errors: list[str]
) -> None:
    page = alice_page
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    manifest = page.evaluate(
        "fetch(document.querySelector('[rel=manifest]').href).then((a) => a.json())"
    )
    for icon in manifest["icons"]:
        assert page.request.get(f"/static/{icon['src']}").status == 200
    page.goto("/threads/")
    page.context.set_offline(True)
    page.goto("/personas/")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    kept = page.evaluate(
        """async () => {
            const names = await caches.keys();
            const opened = await Promise.all(names.map((name) => caches.open(name)));
            const requests = await Promise.all(opened.map((one) => one.keys()));
            const paths = requests.flat().map((one) => new URL(one.url).pathname);
            return paths.filter((path) => !path.startsWith("/static/"));
        }"""
    )
    assert kept == ["/offline/"]
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    page.wait_for_url("**/threads/*/")
    console_errors.clear()  # the browser's own remarks on the lost connection

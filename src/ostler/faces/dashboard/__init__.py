'''The dashboard: web pages at /dashboard of the server's own address. How a page is written:

A page is a class with plain values (`page.py`); it knows neither NiceGUI nor the browser::

    @dataclass
    class Models(Page):
        """The models that are kept."""

        path: ClassVar[str] = "/models"  # after /dashboard
        title: ClassVar[str] = "Models"  # in the navigation, the browser's tab, the h1
        every: ClassVar[float | None] = 5.0  # looks again so often while the tab is seen
        listens: ClassVar[bool] = True  # and when something has happened (`/api/events`)
        models: Sequence[Mapping[str, Any]] = ()

        async def look(self) -> None:  # asks the API; what it raises is shown by the frame
            self.models = await self.get("/api/things", fresh=1.0, sort="name")

        def view(self) -> Node:  # pure: values to a tree
            return h("div.page", h("h1", self.title, tabindex="-1"), [row(one) for one in ...])

        async def do_remove(self, model: str) -> None:  # on_click=act("remove", model="a")
            if await self.desk.confirm("Remove a?", "It frees 3.3 GB.", yes="Remove", danger=True):
                await self.ask("DELETE", f"/api/things/{quote(model, safe='/')}")
                self.desk.toast("a is in the trash; `ostler undo` brings it back.")

Its one line in `pages/__init__.py` is there already. While it is looking for the first time the
frame says so; an error in the first look takes the page's place, a later one stands above it. After
every look and every act the page is shown again; `self.desk.show()` does it in between (a chat that
streams). An `OstlerError` that an act raises is shown as news in the corner.

**Trees** (`tree.py`): `h("button.primary", "Load", type="button", on_click=act("load", model=id))`.
The browser changes only what differs: focus, scrolling and what is being typed stay. Therefore rows
and all that comes and goes need a `key`. A field keeps what the user types: `value` is what it
starts with, another `key` starts it anew. Events: `on_click`, `on_change` and `on_input` (give
`value`; `data_wait=300` waits so many milliseconds for more), `on_submit` of a form (gives
`values`, its fields by name), `on_toggle` (gives `open`), `on_keydown` (gives `pressed`),
`on_cancel`. Attributes with a meaning of ours: `data_do="copy" data_text=...` copies,
`data_follow=True` keeps a log at its end, `data_modal=True` opens a `dialog`. Links below
/dashboard do not load a page anew. Names of models stand in an address as a question,
`/dashboard/fit?model=a/b`: `self.query["model"]`; `self.desk.address(model=...)` writes it there.

**Parts** (`parts/`): `panels` (panel, empty, loading, error, notice, a command to copy), `badges`,
`tables` (fold on a phone; `pager`), `words` (bytes, spans, rates). Looks are classes and tokens of
`style.css`; a page's own rules go to the end of it under its name, made of tokens, in both themes.

**Data** (`asking.py`): only the documented API, as the signed-in key. `self.get` and `self.ask`
stay within the process; `self.stream(path)` yields server-sent events; inference goes to the
gateway: `async for event in self.desk.caller.stream("/v1/chat/completions", body, "POST")`. Nothing
the API gives is changed in place: other tabs read the same answer. `self.desk.spawn(...)` does
something beside the page, such as following a log; it ends when the page is left.

Pages are tested as functions (`Models(desk, {})`, set values, `html(page.view())`), and in
Chromium.
'''

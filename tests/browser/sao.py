# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Tryton's web client as a person does, in a headless Chromium.

    with running_browser() as page:
        client = WebClient(page, 'http://localhost:8000/')
        client.log_in('hospital', 'admin', 'secret')
        client.open_menu("Health", "Imaging", "Dx Imaging Requests")
        client.open_row("Betz, Ana")
        client.click("Request")
"""
import itertools
import re
import shutil
import time
from contextlib import contextmanager, suppress

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect, sync_playwright

__all__ = ['WebClient', 'expect', 'new_page', 'running_browser']

# Debian's Chromium, kept from calling home and from asking.
OPTIONS = [
    '--no-sandbox', '--disable-gpu', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run']
WAIT = 60_000  # milliseconds, for a machine that does much else
expect.set_options(timeout=WAIT)


@contextmanager
def running_browser(width=1280, height=800):
    "Yield a page of a new browser without history"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=OPTIONS)
        try:
            yield new_page(browser, width, height)
        finally:
            browser.close()


def new_page(browser, width=1280, height=800):
    "Return a page that knows nothing of the others of the browser"
    page = browser.new_page(
        viewport={'width': width, 'height': height}, locale='en-US')
    page.set_default_timeout(WAIT)
    return page


class WebClient:
    """What a person can do, in the words on the screen.

    'page' is playwright's, for everything that has no method here. 'errors'
    collects what the client's own code throws.
    """

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.errors = []
        page.on('pageerror', lambda error: self.errors.append(str(error)))

    def log_in(self, database, login, password):
        self.page.goto(self.url)
        form = self.page.locator('.login-dialog')
        form.locator('#login').wait_for()
        self.settle()
        # With one database only there is nothing to choose.
        choice = form.locator('#database:visible')
        if choice.is_editable():
            if choice.evaluate("choice => choice.tagName") == 'SELECT':
                choice.select_option(database)
            else:
                choice.fill(database)
        form.locator('#login').fill(login)
        form.get_by_role('button', name="Login").click()
        ask = self.page.locator('.ask-dialog')
        ask.locator('input').fill(password)
        ask.locator('input').press('Enter')
        self.page.locator('#menu .treeview').wait_for()
        self.settle()

    def settle(self):
        "Wait until the client has its answers and asks for no more"
        end = time.monotonic() + WAIT / 1000
        quiet = 0
        while quiet < 5:
            # An answer that the client fails on is pending for ever.
            if self.errors:
                raise RuntimeError(f"The web client failed: {self.errors}")
            if time.monotonic() > end:
                raise TimeoutError("The web client has no answer.")
            self.page.wait_for_timeout(50)
            idle = self.page.evaluate("jQuery.active === 0")
            quiet = quiet + 1 if idle else 0

    def screenshot(self, path):
        self.settle()
        self.page.screenshot(path=str(path))

    # The menu

    def menu_row(self, *names):
        "The row of the menu that the names lead to; those above it unfold"
        rows = self.page.locator('#menu .treeview tbody tr')
        end = time.monotonic() + WAIT / 1000
        while time.monotonic() < end:
            position, found = self._follow_menu(rows, names)
            if found == len(names):
                return rows.nth(position)
            if found:
                # The client loses a click while it draws: try until it shows.
                rows.nth(position).locator('.expander img').click()
            self.page.wait_for_timeout(500)
        raise LookupError(f"The menu has no {' / '.join(names)}.")

    def menu_below(self, *names):
        "The names of all that the menu has below these and that opens"
        for depth in range(1, len(names)):
            if names[depth] not in self._unfold(names[:depth]):
                return []
        below = [(*names, name) for name in self._unfold(names)]
        return [
            found for inner in below
            for found in self.menu_below(*inner)] or [names]

    def _unfold(self, names):
        "Unfold a row of the menu that is shown; return the names below it"
        rows = self.page.locator('#menu .treeview tbody tr')
        for clicked in [False, True]:
            position, _ = self._follow_menu(rows, names)
            shown = self._read_menu(rows)[position:]
            below = list(itertools.takewhile(
                    lambda row: row[0] >= len(names), shown[1:]))
            expander = rows.nth(position).locator('.expander')
            if below or clicked or expander.evaluate(
                    "span => getComputedStyle(span).visibility") == 'hidden':
                break
            expander.locator('img').click()
            self.settle()
        return [name for depth, name in below if depth == len(names)]

    def _follow_menu(self, rows, names):
        "The position of the last name that is shown, and how many are"
        found = 0
        position = -1
        for place, (depth, name) in enumerate(self._read_menu(rows)):
            if depth < found:
                break
            if (depth, name) == (found, names[found]):
                position, found = place, found + 1
                if found == len(names):
                    break
        return position, found

    def _read_menu(self, rows):
        "Depth and name of each row that is shown"
        return [tuple(row) for row in rows.evaluate_all("""rows => rows.map(
            row => [
                // The other one where it is written from right to left
                parseInt(['marginLeft', 'marginRight'].map(
                    name => row.querySelector('.expander img').style[name])
                    .find(margin => margin)),
                row.querySelector('.column-char')?.textContent])""")]

    def open_menu(self, *names):
        # A double click opens it twice.
        self.menu_row(*names).locator('.column-char').click()
        self.settle()

    # What is in front

    @property
    def front(self):
        "The dialog in front or, without one, the tab"
        dialogs = self.page.locator('.modal.in')
        if dialogs.count():
            return dialogs.last
        return self.page.locator('#tabcontent > .tab-pane.active')

    @property
    def error(self):
        "The text of the error in front, or None"
        error = self.page.locator(
            '.modal.in .alert-danger, .modal.in .alert-warning')
        return error.last.inner_text() if error.count() else None

    def toolbar(self, action):
        "Use a button of the tab's toolbar: new_, save, switch_, print, ..."
        self.front.locator(f'.btn-toolbar a#{action}, '
            f'.btn-toolbar button#{action}').first.click()
        self.settle()

    def save(self):
        "Save, and close the note that it was done"
        self.toolbar('save')
        note = self.front.locator('.infobar .alert').filter(
            has_text="Record saved.")
        note.locator('button.close').click()
        expect(note).to_have_count(0)

    def relate(self, name):
        "Open what the link button of the toolbar offers under this name"
        self._toolbar_menu('relate', name)

    def launch(self, name):
        "Launch an action of the toolbar"
        self._toolbar_menu('action', name)

    def print_report(self, name):
        "Print, and return the file that the browser was given"
        with self.page.expect_download() as download:
            self._toolbar_menu('print', name)
        return download.value

    def _toolbar_menu(self, button, name):
        self.toolbar(button)
        self.front.locator('.btn-toolbar .dropdown-menu:visible li a').filter(
            has_text=re.compile(rf'^\s*{re.escape(name)}\s*$')).click()
        self.settle()

    def close_tab(self):
        self.page.locator('#tablist li.active button.close').click()
        self.settle()

    def click(self, name):
        "Click the button with this name"
        self.front.get_by_role(
            'button', name=name, exact=True).locator('visible=true'
            ).first.click()
        self.settle()

    def show_page(self, name):
        "Turn to a page of a notebook, or to a tab of a list"
        self.front.get_by_role('tab').filter(
            # What ends a word, of any script
            has_text=re.compile(rf'^\s*{re.escape(name)}($|[\s\d(])')).locator(
            'visible=true').first.click()
        self.settle()

    # Lists

    @property
    def rows(self):
        "The rows of the list; wait for them with 'expect'"
        return self.front.locator('.treeview:visible tbody tr')

    def row(self, text):
        return self.rows.filter(has_text=text).first

    def open_row(self, text):
        "Open the form of the row that contains the text"
        self.open_form(self.row(text))

    def open_form(self, row):
        # A link opens what it leads to, a button does something
        row.locator(
            'td:not(:has(a, button)) .widget:visible').first.dblclick()
        self.settle()

    def press(self, text, name):
        "Click the button of the row that contains the text"
        button = self.row(text).get_by_role('button', name=name, exact=True)
        # The first click selects the row only
        for _ in range(2):
            button.click()
            self.settle()

    def search(self, text):
        entry = self.front.locator('.filter-box input:visible').first
        entry.fill(text)
        entry.press('Enter')
        self.settle()

    def open_point(self):
        "Click the first point of the graph"
        point = self.front.locator('.c3-circle').first.bounding_box()
        self.page.mouse.click(
            point['x'] + point['width'] / 2, point['y'] + point['height'] / 2)
        self.settle()

    # Forms

    def field(self, label):
        return self.front.get_by_label(
            re.compile(rf'^{re.escape(label)}:?$')).locator(
            'visible=true').first

    @property
    def text(self):
        "The field of several lines, which has no label"
        return self.front.locator('textarea:visible').first

    def section(self, heading):
        "The field of several lines below this heading"
        return self.front.locator('.form-separator:visible').filter(
            has_text=heading).locator(
                'xpath=following::textarea[1]')

    def write(self, heading, text):
        "Write into the field of several lines below the heading"
        section = self.section(heading)
        section.fill(text)
        section.press('Tab')
        self.settle()

    def fill(self, label, value):
        "Type into the field, or choose in it where it is a selection"
        field = self.field(label)
        if field.evaluate("field => field.tagName") == 'SELECT':
            field.select_option(label=value)
        else:
            field.fill(value)
            expect(field).to_have_value(value)
        field.press('Tab')
        self.settle()

    def choose(self, label, text, completed=None):
        "Type into a field that refers to a record; take what is offered"
        self.field(label).fill('')
        self._complete(self.field(label), text, completed)

    def add(self, title, text, completed=None):
        "Type above a list of records; take what is offered"
        self._complete(
            self.panel(title).locator('.panel-heading input').first,
            text, completed)

    def _complete(self, entry, text, completed):
        offered = self.front.locator('li.completion:visible').filter(
            has_text=completed or text).first
        # A form that is still being filled takes away what was typed.
        for _ in range(3):
            if not entry.input_value():
                entry.press_sequentially(text)
            with suppress(PlaywrightTimeoutError):
                offered.wait_for(timeout=WAIT / 6)
                break
        offered.click()
        self.settle()

    def panel(self, title):
        "The list of records with this title, in a form"
        return self.front.locator('.panel:visible').filter(
            has=self.page.locator('.panel-heading label').filter(
                has_text=re.compile(rf'^\s*{re.escape(title)}\s*$'))).last

    def tick(self, label, on=True):
        self.field(label).set_checked(on)
        self.settle()

    def expect_value(self, label, value):
        "Wait until the field has the value, as a person would"
        expect(self.field(label)).to_have_value(value)

# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tryton's desktop client, with a hand on its mouse and its keyboard.

    python driver.py ADDRESS [what the client takes]

Runs in the Python that the client is installed in. What is clicked and typed
is sent to the X server by xdotool; only where it lies on the screen is asked
of the widgets. The tests call the methods of Hand over XML-RPC, at the
address that is written into the file ADDRESS.
"""
import functools
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCServer

import gi

gi.require_version('Gtk', '3.0')
gi.require_version('Gdk', '3.0')

from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from tryton import client  # noqa: E402
from tryton.gui import Main  # noqa: E402

WAIT = 60  # seconds, for a machine that does much else


def in_client(method):
    "Run the method in the client's thread, also while a dialog waits there"
    @functools.wraps(method)
    def run(self, *args):
        done = threading.Event()
        outcome = {}

        def call():
            try:
                outcome['value'] = method(self, *args)
            except Exception as error:
                outcome['error'] = error
            done.set()
            return GLib.SOURCE_REMOVE

        # After all that the client itself has to do
        GLib.idle_add(call, priority=GLib.PRIORITY_LOW)
        if not done.wait(WAIT):
            raise TimeoutError("The client does not answer")
        if 'error' in outcome:
            raise outcome['error']
        return outcome['value']
    return run


def xdotool(*words):
    subprocess.run(['xdotool', *map(str, words)], check=True)


def mapped(widget):
    "All that is shown of the widget, itself first"
    if not widget.get_mapped():
        return
    yield widget
    if isinstance(widget, Gtk.Container):
        inner = []
        widget.forall(inner.append)
        for child in inner:
            yield from mapped(child)


def label_of(widget):
    "What a person reads on it, without the mark of its key"
    text = widget.get_label() or ''
    if widget.get_use_underline():
        text = re.sub('_(.)', r'\1', text)
    return text


def texts_of(widget):
    "All texts that are shown in it"
    for inner in mapped(widget):
        if isinstance(inner, (Gtk.Label, Gtk.Entry)):
            yield inner.get_text()
        elif isinstance(inner, Gtk.TextView):
            yield inner.get_buffer().props.text
        elif isinstance(inner, Gtk.TreeView):
            for _, cells in rows_of(inner):
                yield from cells


def cells_of(tree, row):
    "The text of each column that is shown"
    model = tree.get_model()
    for column in tree.get_columns():
        if column.get_visible():
            column.cell_set_cell_data(model, row, False, False)
            yield ' '.join(
                str(cell.props.text) for cell in column.get_cells()
                if cell.props.visible and getattr(cell.props, 'text', None))


def rows_of(tree):
    "Path and texts of each row that is shown"
    def walk(row):
        while row:
            path = model.get_path(row)
            yield path, list(cells_of(tree, row))
            if tree.row_expanded(path):
                yield from walk(model.iter_children(row))
            row = model.iter_next(row)

    model = tree.get_model()
    if model:
        yield from walk(model.get_iter_first())


def width_needed(tree, column):
    "The width by which a person can read what the column is about"
    title = column.get_widget().get_preferred_width()[1]
    if column._type == 'button':
        # It has no size of its own
        text, padding = column.get_cells()[0].props.text, 10
    elif column.name == 'patient_identity':
        text, padding = "PUID GNU666ORG, 05/05/1990, F", 4
    else:
        text, padding = '', 0
    width, _ = tree.create_pango_layout(text).get_pixel_size()
    return max(title * 2 // 3, width + padding)


class Hand:
    "What a person can do, in the words on the screen"

    # What is in front

    @property
    def front(self):
        "The dialog in front or, without one, the tab"
        windows = [
            window for window in Gtk.Window.list_toplevels()
            if window.get_mapped()
            and window.get_window_type() == Gtk.WindowType.TOPLEVEL]
        main = Main().window
        dialogs = [window for window in windows if window != main]
        active = [window for window in dialogs if window.is_active()]
        if dialogs:
            return (active or dialogs)[-1]
        page = Main().get_page()
        return page.widget if page else main

    def shown(self, kind):
        return [
            widget for widget in mapped(self.front)
            if isinstance(widget, kind)]

    def error_of(self):
        "The text of the error or warning in front"
        dialog = self.front
        if not (isinstance(dialog, Gtk.MessageDialog)
                and dialog.props.message_type in {
                    Gtk.MessageType.ERROR, Gtk.MessageType.WARNING}):
            bars = [
                bar for bar in self.shown(Gtk.InfoBar)
                if bar.get_message_type() == Gtk.MessageType.ERROR]
            if not bars:
                return None
            dialog = bars[-1]
        return '\n'.join(texts_of(dialog))

    error = in_client(error_of)

    @in_client
    def text(self):
        "All that can be read in front"
        return '\n'.join(texts_of(self.front))

    @in_client
    def screenshot(self, path):
        "Take a picture of the whole screen"
        screen = Gdk.get_default_root_window()
        Gdk.pixbuf_get_from_window(
            screen, 0, 0, screen.get_width(), screen.get_height()
            ).savev(path, 'png', [], [])

    def settle(self):
        "Wait until the client has its answers and nothing more to do"
        end = time.monotonic() + WAIT
        quiet = 0
        while quiet < 3:
            if time.monotonic() > end:
                raise TimeoutError("The client has no answer")
            time.sleep(0.05)
            # tryton.common.RPCProgress has a thread for each question
            asks = any(
                thread.name.endswith('(start)')
                for thread in threading.enumerate())
            self.do_nothing()
            quiet = 0 if asks else quiet + 1

    @in_client
    def do_nothing(self):
        pass

    def until(self, find, *args):
        "What find returns, as soon as that is something"
        end = time.monotonic() + WAIT
        while True:
            found = find(*args)
            if found is not None:
                return found
            if time.monotonic() > end:
                words = ' / '.join(str(word) for word in args)
                raise LookupError(f"{find.__name__}: {words} is not there")
            time.sleep(0.1)

    # The mouse and the keyboard

    def click_at(self, place, button=1, times=1, key=None):
        if key:
            xdotool('keydown', key)
        xdotool('mousemove', *place)
        xdotool('click', '--repeat', times, '--delay', 40, button)
        if key:
            xdotool('keyup', key)
        self.settle()

    def press(self, *keys):
        "Press keys by their names: Tab, ctrl+s"
        xdotool('key', *keys)
        self.settle()

    def type(self, text):
        xdotool('type', '--delay', 5, text)
        self.settle()

    def place_of(self, widget, x=None, y=None):
        "Where on the screen a point of it is, its middle if none is given"
        area = widget.get_allocation()
        x = area.width // 2 if x is None else x
        y = area.height // 2 if y is None else y
        window = widget.get_toplevel()
        x, y = widget.translate_coordinates(window, x, y)
        _, left, top = window.get_window().get_origin()
        return [left + x, top + y]

    def bring(self, widget):
        "Scroll what it lies in until it is in sight"
        height = widget.get_allocated_height()
        outer = widget
        while outer := outer.get_parent():
            if isinstance(outer, Gtk.Viewport):
                place = widget.translate_coordinates(outer.get_child(), 0, 0)
                outer.props.vadjustment.clamp_page(
                    place[1], place[1] + height)

    # The menu

    def follow(self, names):
        "Unfold the menu down to the names; tree and path of the last"
        tree = Main().menu_screen.current_view.treeview
        model = tree.get_model()
        row = None
        for depth, name in enumerate(names):
            if row:
                tree.expand_row(model.get_path(row), False)
            row = model.iter_children(row)
            while row and next(cells_of(tree, row)) != name:
                row = model.iter_next(row)
            if not row:
                raise LookupError(
                    f"The menu has no {' / '.join(names[:depth + 1])}")
        return tree, model.get_path(row)

    @in_client
    def menu_below(self, *names):
        "The names of all that the menu has below these and that opens"
        tree, path = self.follow(names)
        model = tree.get_model()

        def walk(names, row):
            inner = model.iter_children(row)
            if not inner:
                yield names
            else:
                tree.expand_row(model.get_path(row), False)
            while inner:
                yield from walk([*names, next(cells_of(tree, inner))], inner)
                inner = model.iter_next(inner)
        return list(walk(list(names), model.get_iter(path)))

    @in_client
    def bring_menu(self, *names):
        tree, path = self.follow(names)
        tree.scroll_to_cell(path, None, True, 0.5, 0)

    @in_client
    def menu_place(self, *names):
        tree, path = self.follow(names)
        return self.cell_place(tree, path, tree.get_columns()[0])

    def open_menu(self, *names):
        self.bring_menu(*names)
        self.settle()
        self.click_at(self.menu_place(*names), times=2)

    def close_tab(self):
        self.press('ctrl+w')

    @in_client
    def tabs(self):
        "How many tabs are open"
        return len(Main().pages)

    # Buttons

    def click(self, name):
        "Click the button with this name"
        self.click_at(self.until(self.button_place, name))

    @in_client
    def button_place(self, name):
        for button in self.shown(Gtk.Button):
            if label_of(button) == name and button.is_sensitive():
                self.bring(button)
                return self.place_of(button)
        return None

    @in_client
    def buttons(self):
        "The names of the buttons that can be clicked"
        return [
            label_of(button) for button in self.shown(Gtk.Button)
            if button.is_sensitive() and label_of(button)]

    def show_page(self, name):
        "Turn to a page of a notebook, or to a tab of a list"
        self.click_at(self.until(self.page_place, name))

    @in_client
    def page_place(self, name):
        for label in self.page_labels():
            if ' '.join(texts_of(label)).startswith(name):
                return self.place_of(label)
        return None

    def page_labels(self):
        for notebook in self.shown(Gtk.Notebook):
            for number in range(notebook.get_n_pages()):
                label = notebook.get_tab_label(notebook.get_nth_page(number))
                if label and label.get_mapped():
                    yield label

    @in_client
    def pages(self):
        "What can be turned to"
        return [' '.join(texts_of(label)) for label in self.page_labels()]

    # Lists

    def cell_place(self, tree, path, column):
        "The middle of what the column shows of the row"
        area = tree.get_cell_area(path, column)
        x, y = tree.convert_bin_window_to_widget_coords(
            area.x + min(area.width // 2, 60), area.y + area.height // 2)
        return self.place_of(tree, x, y)

    @in_client
    def rows(self):
        "The texts of each row of the list in front"
        return [
            cells for tree in self.shown(Gtk.TreeView)
            for _, cells in rows_of(tree)]

    @in_client
    def cut_columns(self):
        """The columns in front that can not be read.

        They are too narrow for the name of their button, for the title by a
        third, or for the patient's identity. With each the width that it has,
        and the one that it needs.
        """
        return [
            [column.get_title(), column.get_width(), needed]
            for tree in self.shown(Gtk.TreeView)
            for column in tree.get_columns()
            if column.get_visible() and hasattr(column, '_type')
            and (needed := width_needed(tree, column)) > column.get_width()]

    def find_row(self, text):
        for tree in self.shown(Gtk.TreeView):
            for path, cells in rows_of(tree):
                if any(text in cell for cell in cells):
                    return tree, path
        return None

    def row(self, text):
        "The texts of the row that contains the text, once it is there"
        return self.until(self.row_texts, text)

    @in_client
    def row_texts(self, text):
        found = self.find_row(text)
        if not found:
            return None
        tree, path = found
        return list(cells_of(tree, tree.get_model().get_iter(path)))

    @in_client
    def bring_cell(self, text, name=None):
        found = self.find_row(text)
        if not found:
            return None
        tree, path = found
        self.bring(tree)
        tree.scroll_to_cell(path, self.column(tree, name), False, 0, 0)
        return True

    @in_client
    def row_place(self, text, name=None):
        tree, path = self.find_row(text)
        return self.cell_place(tree, path, self.column(tree, name))

    def column(self, tree, name):
        "The column of the button with the name, or the first one with text"
        for column in tree.get_columns():
            kind = getattr(column, '_type', None)
            if not column.get_visible():
                continue
            if name is None and kind == 'field' or (
                    kind == 'button' and any(
                        cell.props.text == name
                        for cell in column.get_cells())):
                return column
        raise LookupError(f"The list has no {name}")

    def click_row(self, text, name=None, **options):
        self.until(self.bring_cell, text, name)
        self.settle()
        self.click_at(self.row_place(text, name), **options)

    def select(self, *texts):
        "Mark the rows that contain these texts"
        for number, text in enumerate(texts):
            self.click_row(text, key='ctrl' if number else None)

    def open_row(self, text):
        "Open the form of the row that contains the text"
        self.click_row(text, times=2)

    def switch(self):
        "Select the first row and switch to its form; whether there is one"
        place = self.first_place()
        if place:
            self.click_at(place)
            self.tool('switch')
        return bool(place)

    @in_client
    def first_place(self):
        if 'switch' not in Main().get_page().buttons:  # a dashboard
            return None
        for tree in self.shown(Gtk.TreeView):
            for path, _ in rows_of(tree):
                return self.cell_place(tree, path, self.column(tree, None))
        return None

    def press_in_row(self, text, name):
        "Click the button of the row that contains the text"
        # The first click selects the row only
        self.click_row(text)
        self.click_row(text, name)

    def launch(self, button, name):
        "Choose from what a button of the toolbar offers: action, relate"
        self.click_at(self.until(self.tool_place, button))
        self.click_at(self.until(self.item_place, name))

    def tool(self, button):
        "Click a button of the toolbar: new, save, switch"
        self.click_at(self.until(self.tool_place, button))

    @in_client
    def tool_place(self, name):
        button = Main().get_page().buttons[name]
        return self.place_of(button) if button.is_sensitive() else None

    @in_client
    def item_place(self, name):
        for window in Gtk.Window.list_toplevels():
            for item in mapped(window):
                if (isinstance(item, Gtk.MenuItem)
                        and label_of(item).strip() == name):
                    return self.place_of(item)
        return None

    # Forms

    def field(self, name):
        "The widget that is entered by the label"
        for label in self.shown(Gtk.Label):
            widget = label.get_mnemonic_widget()
            if widget and label.get_text().rstrip(':') == name:
                return widget if widget.get_mapped() else None
        return None

    def section(self, heading):
        "The field of several lines next below the heading"
        for label in self.shown(Gtk.Label):
            if label.get_text() == heading:
                break
        else:
            return None
        window = label.get_toplevel()
        left, top = label.translate_coordinates(window, 0, 0)

        def distance(text):
            x, y = text.translate_coordinates(window, 0, 0)
            return (y < top, abs(x - left) > 200, y - top)
        texts = self.shown(Gtk.TextView)
        return min(texts, key=distance) if texts else None

    def place_to_enter(self, widget):
        if not widget:
            return None
        self.bring(widget)
        area = widget.get_allocation()
        return self.place_of(
            widget, min(area.width // 2, 20), min(area.height // 2, 16))

    @in_client
    def field_place(self, name):
        return self.place_to_enter(self.field(name))

    @in_client
    def section_place(self, heading):
        return self.place_to_enter(self.section(heading))

    def fill(self, name, text):
        "Type into the field, or into the choice, in place of what is there"
        self.until(self.field_place, name)
        self.settle()
        self.click_at(self.field_place(name))
        self.press('ctrl+a')
        self.type(text)
        self.press('Tab')

    def choose(self, name, text, found):
        "Type into a field that refers to a record; take what is found"
        self.fill(name, text)
        self.open_row(found)

    def add(self, title, text, found):
        "Type above a list of records; take what is found"
        self.click_at(self.until(self.entry_place, title))
        self.type(text)
        self.press('Tab')
        self.open_row(found)

    @in_client
    def entry_place(self, title):
        for label in self.shown(Gtk.Label):
            if label.get_text() == title:
                for entry in mapped(label.get_parent()):
                    if isinstance(entry, Gtk.Entry):
                        return self.place_to_enter(entry)
        return None

    def write(self, heading, text):
        "Type into the field of several lines below the heading"
        self.until(self.section_place, heading)
        self.settle()
        self.click_at(self.section_place(heading))
        self.type(text)

    def tick(self, name):
        self.until(self.field_place, name)
        self.settle()
        self.click_at(self.field_place(name))

    def value(self, name):
        "What the field shows"
        return self.until(self.shown_value, name)

    @in_client
    def shown_value(self, name):
        widget = self.field(name)
        if widget is None:
            return None
        if isinstance(widget, Gtk.ToggleButton):
            return widget.get_active()
        if isinstance(widget, Gtk.TextView):
            return widget.get_buffer().props.text
        return widget.get_text()

    @in_client
    def section_value(self, heading):
        widget = self.section(heading)
        return widget and widget.get_buffer().props.text

    @in_client
    def ready(self):
        "Whether the menu is there"
        main = Main._instance
        return bool(main and main.menu_screen) or None

    def log_in(self, database, password):
        "Fill what the client asks for, as it was given the server and login"
        self.fill("Database", database)
        self.click("Connect")
        self.until(self.password_place)
        self.type(password)
        self.press('Return')
        self.until(self.ready)
        self.settle()

    @in_client
    def password_place(self):
        for entry in self.shown(Gtk.Entry):
            if not entry.get_visibility():
                return self.place_of(entry)
        return None


def main(address, *arguments):
    server = SimpleXMLRPCServer(
        ('localhost', 0), allow_none=True, logRequests=False)
    server.register_instance(Hand())
    part = Path(address + '.part')
    part.write_text('http://localhost:%d' % server.server_address[1])
    part.rename(address)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.argv = ['tryton', *arguments]
    client.main()


if __name__ == '__main__':
    main(*sys.argv[1:])

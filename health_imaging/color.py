# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which colours stations have in the calendar: pure functions"

# Told apart also by people who do not see red or green
# (after Okabe and Ito, "Color Universal Design"), and each so light or so
# dark that what is written on it is read, also where it is washed out
PALETTE = [
    '#00437a', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00',
    '#f0e442', '#4b2a85', '#6b2f05', '#004d40']
NO_STATION = '#9aa5b1'
_BLACK, _WHITE = '#000000', '#ffffff'


def station_color(station_id):
    "Return the background of what is made at the station, None for any"
    if station_id is None:
        return NO_STATION
    return PALETTE[station_id % len(PALETTE)]


def text_color(background):
    "Return black or white, whichever is easier to read on it"
    return max(
        _BLACK, _WHITE, key=lambda text: contrast(text, washed(background)))


def washed(color):
    "Return the colour as the web client shows it: below a quarter of white"
    return '#' + ''.join(
        f'{round(part * 3 / 4 + 255 / 4):02x}' for part in _parts(color))


def contrast(color, other):
    "Return the contrast ratio of two colours (WCAG 2.1), 1 to 21"
    darker, lighter = sorted(map(_luminance, [color, other]))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color):
    parts = [part / 255 for part in _parts(color)]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(color):
    return bytes.fromhex(color[1:])

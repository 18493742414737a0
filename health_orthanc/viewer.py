# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later

"The viewers that a server can have, once for all who name them"
from typing import NamedTuple
from urllib.parse import quote


class Viewer(NamedTuple):
    """Where a viewer answers, and how it is told what to show.

    page is below the address of the server. query is added to it, and to
    that the value of the study's field that identifies it. flag is the
    server's field that says whether it has the viewer, None where each has.
    """
    page: str
    query: str
    identifier: str
    flag: str | None = None

    def path(self, identifier):
        "Return the path that shows the study of that identifier"
        return self.page + self.query + quote(identifier)


EXPLORER = 'app/explorer.html'
VIEWERS = {
    'orthanc_explorer': Viewer(EXPLORER, '#study?uuid=', 'orthanc_id'),
    'stone_viewer': Viewer(
        'stone-webviewer/index.html', '?study=', 'study_instance_uid',
        'has_stone'),
    'ohif_viewer': Viewer(
        'ohif/viewer', '?StudyInstanceUIDs=', 'study_instance_uid',
        'has_ohif'),
    }


def patient_path(orthanc_id):
    "Return the path that shows an Orthanc patient in Orthanc Explorer"
    return f'{EXPLORER}#patient?uuid={quote(orthanc_id)}'

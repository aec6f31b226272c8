"""The settings of a project: one frozen model a stage, read from ``unicedit.toml``.

Each field is *identity* (it can change what a stage produces, so it enters the fingerprint) or
*runtime* (it cannot: workers, chunk sizes). A test holds that no field is left unclassed.
"""

from unicedit_assets.settings.fields import SettingsError, StageSettings
from unicedit_assets.settings.project import HOME_VARIABLE, SETTINGS_FILE, Settings
from unicedit_assets.settings.stages import RawImagesSettings, UnicBenchSettings
from unicedit_assets.settings.text import settings_text, tables, with_value

__all__ = [
    "HOME_VARIABLE",
    "SETTINGS_FILE",
    "RawImagesSettings",
    "Settings",
    "SettingsError",
    "StageSettings",
    "UnicBenchSettings",
    "settings_text",
    "tables",
    "with_value",
]

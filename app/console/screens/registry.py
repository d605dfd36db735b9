"""Every screen of the console, in the order of its digits. A new one is one line here, and its actions in the table."""

from __future__ import annotations

from app.console.screens.archive import ArchiveScreen
from app.console.screens.base import ConsoleScreen
from app.console.screens.catalog import CatalogScreen
from app.console.screens.dashboard import DashboardScreen
from app.console.screens.nodes import NodesScreen
from app.console.screens.routing import RoutingScreen
from app.console.screens.transfers import TransfersScreen

SCREEN_TYPES: tuple[type[ConsoleScreen], ...] = (
    DashboardScreen,
    CatalogScreen,
    TransfersScreen,
    NodesScreen,
    ArchiveScreen,
    RoutingScreen,
)

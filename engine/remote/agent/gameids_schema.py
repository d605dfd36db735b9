"""What a games database calls its tables and columns, and the two ordered readings that its ids are counted from."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

# The first name of each row that a database has; SQLite compares names without regard to case.
GAMES_TABLES = ("games", "game", "game_records")
MOVES_TABLES = ("game_moves", "moves", "game_move")
GAME_ID_COLUMNS = ("game_id", "id", "uuid", "game_uuid")
MOVES_ID_COLUMNS = ("game_id", "game", "game_uuid", "games_id")
TOTAL_COLUMNS = ("total_moves", "num_moves", "move_count", "moves_count")
NUMBER_COLUMNS = ("move_number", "move_num", "move_index", "ply", "seq")
TEXT_TYPES = ("CHAR", "CLOB", "TEXT")


class NotGames(Exception):
    """The database is sound, but it holds no games with moves: the words say what it lacks."""


class Readings:
    """Two statements that yield (id as bytes, number), both in the order of the ids' bytes.

    ``games``: each game and how many moves it says it has (0: it does not say). ``moves``: each id that has moves, and
    how many of different number there are.
    """

    def __init__(self, games: str, moves: str) -> None:
        self.games = games
        self.moves = moves


def readings(connection: Any) -> Readings:
    """Return how to read this database; raises NotGames when it has not what it takes."""
    tables = _tables(connection)
    games, moves = _first(GAMES_TABLES, tables), _first(MOVES_TABLES, tables)
    if games is None or moves is None:
        raise NotGames("it has no table of %s" % ("games" if games is None else "moves"))
    of_games, of_moves = _columns(connection, games), _columns(connection, moves)
    game_id, moves_id = _first(GAME_ID_COLUMNS, list(of_games)), _first(MOVES_ID_COLUMNS, list(of_moves))
    if game_id is None or moves_id is None:
        raise NotGames("its table %s has no column of game ids" % (games if game_id is None else moves))
    total = _first(TOTAL_COLUMNS, list(of_games))
    number = _first(NUMBER_COLUMNS, list(of_moves))
    told = "max(0, coalesce(max(CAST(%s AS INTEGER)), 0))" % _quoted(total) if total else "0"
    there = "count(*)"
    if number and not _is_unique(connection, moves, {moves_id.lower(), number.lower()}):
        there = "count(DISTINCT %s)" % _quoted(number)
    return Readings(
        _reading(games, _ordered(game_id, of_games[game_id]), told),
        _reading(moves, _ordered(moves_id, of_moves[moves_id]), there),
    )


class Named:
    """How to tell which games a database has. ``rows``: the id of each, in order, and where ids are numbers, which
    every database counts from one, all else that the row says. ``moves_count`` is None without a table of moves.
    """

    def __init__(self, rows: str, by_name: bool, moves_count: Optional[str]) -> None:
        self.rows = rows
        self.by_name = by_name
        self.moves_count = moves_count


def named(connection: Any) -> Optional[Named]:
    """Return how to tell which games a database has, None for one that has no table of games with ids."""
    tables = _tables(connection)
    games, moves = _first(GAMES_TABLES, tables), _first(MOVES_TABLES, tables)
    columns = _columns(connection, games) if games is not None else {}
    game_id = _first(GAME_ID_COLUMNS, list(columns))
    if games is None or game_id is None:
        return None
    by_name = _is_text(columns[game_id])
    told = "" if by_name else ", *"
    rows = "SELECT %s%s FROM %s WHERE %s IS NOT NULL ORDER BY %s COLLATE BINARY" % (
        _quoted(game_id),
        told,
        _quoted(games),
        _quoted(game_id),
        _quoted(game_id),
    )
    return Named(rows, by_name, "SELECT count(*) FROM %s" % _quoted(moves) if moves is not None else None)


def _reading(table: str, column: str, number: str) -> str:
    """Where an index is in this order SQLite walks it; else it sorts on disk, in bounded memory."""
    statement = "SELECT %s, %s FROM %s WHERE %s IS NOT NULL GROUP BY %s COLLATE BINARY ORDER BY %s COLLATE BINARY"
    return statement % (column, number, _quoted(table), column, column, column)


def _ordered(column: str, declared: str) -> str:
    """A column of text is in the order of its bytes by itself, and then its index serves; others are made text."""
    if _is_text(declared):
        return _quoted(column)
    return "CAST(%s AS TEXT)" % _quoted(column)


def _is_text(declared: str) -> bool:
    return any(word in declared.upper() for word in TEXT_TYPES)


def _tables(connection: Any) -> List[str]:
    return [_text(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _columns(connection: Any, table: str) -> Dict[str, str]:
    """Return the declared type of each column."""
    return {_text(row[1]): _text(row[2]) for row in connection.execute("PRAGMA table_info(%s)" % _quoted(table))}


def _is_unique(connection: Any, table: str, columns: Any) -> bool:
    """Return whether no two rows agree in these columns."""
    for row in connection.execute("PRAGMA index_list(%s)" % _quoted(table)).fetchall():
        partial = len(row) > 4 and row[4]
        info = connection.execute("PRAGMA index_info(%s)" % _quoted(_text(row[1]))).fetchall()
        names = {_text(column[2]).lower() for column in info if column[2] is not None}
        if row[2] and not partial and len(names) == len(info) and names == columns:
            return True
    return False


def _first(wanted: Sequence[str], there: List[str]) -> Optional[str]:
    """Return the first of the wanted names that is there, as it is spelt there."""
    spelt = {name.lower(): name for name in reversed(there)}
    return next((spelt[name] for name in wanted if name in spelt), None)


def _quoted(name: str) -> str:
    return '"%s"' % name.replace('"', '""')


def _text(value: Any) -> str:
    """Rows come as bytes: a database may hold text that is no UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

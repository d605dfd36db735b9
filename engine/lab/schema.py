"""The users' games database, schema version 18, as their selfplay writes it: tables, indexes, the trigger."""

from __future__ import annotations

SCHEMA_VERSION = 18
MINIMUM_MOVES = 5

DDL = f"""
CREATE TABLE IF NOT EXISTS schema_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS games (
    game_id TEXT PRIMARY KEY,
    board_type TEXT NOT NULL,
    num_players INTEGER NOT NULL,
    rng_seed INTEGER,
    created_at TEXT NOT NULL,
    completed_at TEXT,
    game_status TEXT NOT NULL,
    winner INTEGER,
    termination_reason TEXT,
    total_moves INTEGER NOT NULL,
    total_turns INTEGER NOT NULL,
    duration_ms INTEGER,
    source TEXT,
    schema_version INTEGER NOT NULL,
    time_control_type TEXT DEFAULT 'none',
    initial_time_ms INTEGER,
    time_increment_ms INTEGER,
    metadata_json TEXT,
    quality_score REAL,
    quality_category TEXT,
    engine_mode TEXT,
    parity_status TEXT,
    parity_checked_at TEXT,
    parity_divergence_move INTEGER,
    opponent_type TEXT,
    opponent_model_id TEXT
);
CREATE TABLE IF NOT EXISTS game_players (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    player_number INTEGER NOT NULL,
    player_type TEXT NOT NULL,
    ai_type TEXT,
    ai_difficulty INTEGER,
    final_eliminated_rings INTEGER,
    final_territory_spaces INTEGER,
    PRIMARY KEY (game_id, player_number)
);
CREATE TABLE IF NOT EXISTS game_initial_state (
    game_id TEXT PRIMARY KEY REFERENCES games(game_id) ON DELETE CASCADE,
    initial_state_json TEXT NOT NULL,
    compressed INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS game_moves (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    move_number INTEGER NOT NULL,
    turn_number INTEGER NOT NULL,
    player INTEGER NOT NULL,
    phase TEXT NOT NULL,
    move_type TEXT NOT NULL,
    move_json TEXT NOT NULL,
    timestamp TEXT,
    think_time_ms INTEGER,
    engine_eval REAL,
    engine_depth INTEGER,
    move_probs TEXT,
    search_stats_json TEXT,
    heuristic_features BLOB,
    PRIMARY KEY (game_id, move_number)
);
CREATE TABLE IF NOT EXISTS game_state_snapshots (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    move_number INTEGER NOT NULL,
    state_json TEXT NOT NULL,
    compressed INTEGER DEFAULT 0,
    PRIMARY KEY (game_id, move_number)
);
CREATE TABLE IF NOT EXISTS game_choices (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    move_number INTEGER NOT NULL,
    choice_type TEXT NOT NULL,
    player INTEGER NOT NULL,
    options_json TEXT NOT NULL,
    selected_option_json TEXT NOT NULL,
    PRIMARY KEY (game_id, move_number, choice_type)
);
CREATE TABLE IF NOT EXISTS game_history_entries (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    move_number INTEGER NOT NULL,
    player INTEGER NOT NULL,
    phase_before TEXT NOT NULL,
    phase_after TEXT NOT NULL,
    PRIMARY KEY (game_id, move_number)
);
CREATE TABLE IF NOT EXISTS game_nnue_features (
    game_id TEXT NOT NULL REFERENCES games(game_id) ON DELETE CASCADE,
    move_number INTEGER NOT NULL,
    player_perspective INTEGER NOT NULL,
    features BLOB NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (game_id, move_number, player_perspective)
);
CREATE TABLE IF NOT EXISTS orphaned_games (
    game_id TEXT PRIMARY KEY,
    detected_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    original_status TEXT,
    original_total_moves INTEGER
);
CREATE INDEX IF NOT EXISTS idx_games_board ON games (board_type, num_players);
CREATE INDEX IF NOT EXISTS idx_games_created ON games (created_at);
CREATE TRIGGER IF NOT EXISTS reject_short_completed_games
BEFORE INSERT ON games
WHEN NEW.game_status = 'completed' AND NEW.total_moves < {MINIMUM_MOVES}
BEGIN
    SELECT RAISE(ABORT, 'a completed game has at least {MINIMUM_MOVES} moves');
END;
INSERT OR REPLACE INTO schema_metadata (key, value) VALUES ('schema_version', '{SCHEMA_VERSION}');
"""

-- Made by tools/tables.py from schema.py; edit that, not this.

CREATE TABLE attempts (
  id INTEGER NOT NULL,
  model TEXT NOT NULL,
  outcome VARCHAR(20) NOT NULL,
  at VARCHAR(30) NOT NULL,
  seconds FLOAT,
  bytes BIGINT,
  code VARCHAR(60) NOT NULL,
  what TEXT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_attempts_model ON attempts (model);
CREATE TABLE events (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at VARCHAR(30) NOT NULL,
  actor VARCHAR(200) NOT NULL,
  act VARCHAR(40) NOT NULL,
  subject TEXT NOT NULL,
  outcome VARCHAR(20) NOT NULL,
  why TEXT NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX ix_events_at ON events (at);
CREATE TABLE keys (
  id INTEGER NOT NULL,
  name VARCHAR(200) NOT NULL,
  sha256 VARCHAR(64) NOT NULL,
  role VARCHAR(20) NOT NULL,
  models TEXT NOT NULL,
  requests_per_minute INTEGER,
  concurrent INTEGER,
  tokens_per_day BIGINT,
  created_at VARCHAR(30) NOT NULL,
  revoked_at VARCHAR(30),
  PRIMARY KEY (id),
  UNIQUE (sha256)
);
CREATE UNIQUE INDEX keys_name ON keys (name) WHERE revoked_at IS NULL;
CREATE TABLE measurements (
  id INTEGER NOT NULL,
  model TEXT NOT NULL,
  "commit" VARCHAR(64) NOT NULL,
  variant VARCHAR(100) NOT NULL,
  family VARCHAR(100),
  engine VARCHAR(60) NOT NULL,
  version VARCHAR(60) NOT NULL,
  context BIGINT,
  sequences INTEGER,
  kv_dtype VARCHAR(20),
  tensor_parallel INTEGER NOT NULL,
  flags TEXT NOT NULL,
  component VARCHAR(40) NOT NULL,
  bytes BIGINT NOT NULL,
  device VARCHAR(40) NOT NULL,
  at VARCHAR(30) NOT NULL,
  source VARCHAR(200) NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_measurements_family ON measurements (family);
CREATE INDEX ix_measurements_model ON measurements (model);
CREATE TABLE usage (
  day VARCHAR(10) NOT NULL,
  "key" VARCHAR(200) NOT NULL,
  model VARCHAR(400) NOT NULL,
  requests BIGINT NOT NULL,
  errors BIGINT NOT NULL,
  prompt_tokens BIGINT NOT NULL,
  completion_tokens BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  PRIMARY KEY (day, "key", model)
);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');

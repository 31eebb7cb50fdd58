-- Queues, packet ids, retained messages and the audit log. A published step never changes: a new version is a new file.

CREATE TABLE message (
    id bigint PRIMARY KEY,
    topic bytea NOT NULL,
    properties bytea NOT NULL,
    payload bytea NOT NULL,
    qos smallint NOT NULL,
    retain boolean NOT NULL,
    publisher text NOT NULL,
    published_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(topic) + octet_length(properties) + octet_length(payload)) STORED
);

-- The foreign key keeps one silo from removing a message that another one is just queueing: one of the two fails and repeats its group.
CREATE TABLE queue (
    session bigint NOT NULL,
    seq bigint NOT NULL,
    message bigint NOT NULL REFERENCES message (id),
    qos smallint NOT NULL,
    packet_id integer NOT NULL,
    state smallint NOT NULL,
    retain boolean NOT NULL,
    subscription_ids bytea NOT NULL,
    bytes integer NOT NULL,
    PRIMARY KEY (session, seq)
);
CREATE INDEX queue_message ON queue (message);

-- A message goes with its last row.
CREATE FUNCTION remove_unused_messages() RETURNS trigger AS
$$
BEGIN
    DELETE FROM message WHERE id IN (SELECT message FROM gone) AND NOT EXISTS (SELECT FROM queue WHERE queue.message = message.id);
    RETURN NULL;
END
$$ LANGUAGE plpgsql;
CREATE TRIGGER queue_deleted AFTER DELETE ON queue REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION remove_unused_messages();
CREATE TRIGGER queue_replaced AFTER UPDATE ON queue REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION remove_unused_messages();

CREATE TABLE inbound (
    session bigint NOT NULL,
    packet_id integer NOT NULL,
    PRIMARY KEY (session, packet_id)
);

-- Highest epoch under which a session's rows were written: an older owner is refused.
CREATE TABLE session_fence (
    session bigint PRIMARY KEY,
    epoch bigint NOT NULL
);

-- A topic may be longer than an index row.
CREATE TABLE retained (
    topic_hash bytea PRIMARY KEY GENERATED ALWAYS AS (sha256(topic)) STORED,
    topic bytea NOT NULL,
    message bigint NOT NULL,
    properties bytea NOT NULL,
    payload bytea NOT NULL,
    qos smallint NOT NULL,
    retain boolean NOT NULL,
    publisher text NOT NULL,
    published_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE audit (
    id bigint PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    address text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    outcome text NOT NULL,
    detail text NOT NULL,
    hash bytea NOT NULL
);

-- The last audit id ever given, so that rows removed at the end leave a gap.
CREATE TABLE counter (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counter VALUES ('audit', 0);

-- One number per start of a process: part of its message ids.
CREATE SEQUENCE process_start AS bigint;

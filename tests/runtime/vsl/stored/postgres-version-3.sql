CREATE SCHEMA stored;
CREATE TABLE stored.clock (
    id integer NOT NULL,
    lamport bigint NOT NULL,
    key_id text,
    commits bigint NOT NULL,
    schema_version integer NOT NULL,
    CONSTRAINT clock_id_check CHECK ((id = 1))
);
CREATE TABLE stored.links (
    place bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    source bigint NOT NULL,
    target bigint NOT NULL
);
CREATE TABLE stored.nodes (
    place bigint NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    data text NOT NULL,
    version bigint NOT NULL,
    deleted integer DEFAULT 0 NOT NULL,
    key_id text
);
CREATE VIEW stored.edges AS
 SELECT links.place,
    links.kind,
    source.type AS source_type,
    source.id AS source_id,
    target.type AS target_type,
    target.id AS target_id
   FROM ((stored.links
     JOIN stored.nodes source ON ((source.place = links.source)))
     JOIN stored.nodes target ON ((target.place = links.target)));
CREATE TABLE stored.entries (
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL,
    key_id text
);
CREATE TABLE stored.events (
    lamport bigint NOT NULL,
    stream text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL,
    key_id text,
    count integer DEFAULT 1 NOT NULL
);
CREATE SEQUENCE stored.links_place_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE stored.links_place_seq OWNED BY stored.links.place;
CREATE SEQUENCE stored.nodes_place_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE stored.nodes_place_seq OWNED BY stored.nodes.place;
CREATE TABLE stored.snapshot_edges (
    snapshot text NOT NULL COLLATE pg_catalog."C",
    place bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    source_type text NOT NULL COLLATE pg_catalog."C",
    source_id text NOT NULL COLLATE pg_catalog."C",
    target_type text NOT NULL COLLATE pg_catalog."C",
    target_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE stored.snapshot_entries (
    snapshot text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL,
    key_id text
);
CREATE TABLE stored.snapshot_nodes (
    snapshot text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    data text NOT NULL,
    version bigint NOT NULL,
    deleted integer NOT NULL,
    key_id text
);
CREATE TABLE stored.snapshots (
    place bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    lamport bigint NOT NULL,
    label text NOT NULL
);
CREATE SEQUENCE stored.snapshots_place_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE stored.snapshots_place_seq OWNED BY stored.snapshots.place;
ALTER TABLE ONLY stored.links ALTER COLUMN place SET DEFAULT nextval('stored.links_place_seq'::regclass);
ALTER TABLE ONLY stored.nodes ALTER COLUMN place SET DEFAULT nextval('stored.nodes_place_seq'::regclass);
ALTER TABLE ONLY stored.snapshots ALTER COLUMN place SET DEFAULT nextval('stored.snapshots_place_seq'::regclass);
INSERT INTO stored.clock VALUES (1, 2, NULL, 2, 3);
INSERT INTO stored.entries VALUES ('run_generation/p', '2', NULL);
INSERT INTO stored.entries VALUES ('text', '"\u00e4\ud83d\ude00 cut \ud83d here"', NULL);
INSERT INTO stored.events VALUES (1, 'project', '{"event_id":"e1","event_type":"plan_created","event_family":"graph_update","lamport_timestamp":1}', NULL, 1);
INSERT INTO stored.events VALUES (2, 'run', '{"event_id":"e2","event_type":"SAInitialized","sa_id":"s","payload":{"lamport_timestamp":2}}', NULL, 1);
INSERT INTO stored.links VALUES (1, 'dependency', 2, 1);
INSERT INTO stored.links VALUES (2, 'plan', 1, 4);
INSERT INTO stored.nodes VALUES (1, 'Step', 'a', '{"step_id":"a","status":"pending"}', 1, 0, NULL);
INSERT INTO stored.nodes VALUES (4, 'Plan', 'p', '{"plan_id":"p","status":"approved"}', 1, 0, NULL);
INSERT INTO stored.nodes VALUES (2, 'Step', 'b', '{"step_id":"b","status":"completed"}', 2, 0, NULL);
INSERT INTO stored.nodes VALUES (3, 'Step', 'c', '{"step_id":"c","status":"pending"}', 2, 1, NULL);
INSERT INTO stored.snapshot_edges VALUES ('s1', 1, 'dependency', 'Step', 'b', 'Step', 'a');
INSERT INTO stored.snapshot_edges VALUES ('s1', 2, 'plan', 'Step', 'a', 'Plan', 'p');
INSERT INTO stored.snapshot_entries VALUES ('s1', 'run_generation/p', '2', NULL);
INSERT INTO stored.snapshot_entries VALUES ('s1', 'text', '"\u00e4\ud83d\ude00 cut \ud83d here"', NULL);
INSERT INTO stored.snapshot_nodes VALUES ('s1', 'Step', 'a', '{"step_id":"a","status":"pending"}', 1, 0, NULL);
INSERT INTO stored.snapshot_nodes VALUES ('s1', 'Plan', 'p', '{"plan_id":"p","status":"approved"}', 1, 0, NULL);
INSERT INTO stored.snapshot_nodes VALUES ('s1', 'Step', 'b', '{"step_id":"b","status":"completed"}', 2, 0, NULL);
INSERT INTO stored.snapshot_nodes VALUES ('s1', 'Step', 'c', '{"step_id":"c","status":"pending"}', 2, 1, NULL);
INSERT INTO stored.snapshots VALUES (1, 's1', 2, 'before');
SELECT pg_catalog.setval('stored.links_place_seq', 2, true);
SELECT pg_catalog.setval('stored.nodes_place_seq', 5, true);
SELECT pg_catalog.setval('stored.snapshots_place_seq', 1, true);
ALTER TABLE ONLY stored.clock
    ADD CONSTRAINT clock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY stored.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (key);
ALTER TABLE ONLY stored.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (lamport);
ALTER TABLE ONLY stored.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (place);
ALTER TABLE ONLY stored.links
    ADD CONSTRAINT links_source_kind_target_key UNIQUE (source, kind, target);
ALTER TABLE ONLY stored.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (place);
ALTER TABLE ONLY stored.nodes
    ADD CONSTRAINT nodes_type_id_key UNIQUE (type, id);
ALTER TABLE ONLY stored.snapshot_edges
    ADD CONSTRAINT snapshot_edges_pkey PRIMARY KEY (snapshot, place);
ALTER TABLE ONLY stored.snapshot_entries
    ADD CONSTRAINT snapshot_entries_pkey PRIMARY KEY (snapshot, key);
ALTER TABLE ONLY stored.snapshot_nodes
    ADD CONSTRAINT snapshot_nodes_pkey PRIMARY KEY (snapshot, type, id);
ALTER TABLE ONLY stored.snapshots
    ADD CONSTRAINT snapshots_id_key UNIQUE (id);
ALTER TABLE ONLY stored.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (place);
CREATE INDEX events_by_stream ON stored.events USING btree (stream, lamport);
CREATE INDEX links_by_target ON stored.links USING btree (target, kind);

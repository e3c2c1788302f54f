-- Every statement of the store, named. Parameters are :named; both engines read the same text. Where PostgreSQL has
-- words that SQLite has not, a text for it alone follows, named `<name> for postgres`.

-- name: accept
-- A delivery that verification has passed. A vendor's repeat of the same notification changes nothing.
INSERT INTO delivery (id, connection, dedupe_key, at, method, query, content_type, body, state)
VALUES (:id, :connection, :dedupe_key, :at, :method, :query, :content_type, :body, 'waiting')
ON CONFLICT (connection, dedupe_key) DO NOTHING RETURNING id;

-- name: heard
INSERT INTO connection (name, heard_at) VALUES (:connection, :at)
ON CONFLICT (name) DO UPDATE SET heard_at = excluded.heard_at;

-- name: swept
INSERT INTO connection (name, swept_at) VALUES (:connection, :at)
ON CONFLICT (name) DO UPDATE SET swept_at = excluded.swept_at;

-- name: lease_sweep
-- For whoever asks first, when the connection was not swept since :before and nobody else sweeps it or has to wait.
INSERT INTO connection (name, sweeper, sweep_until) VALUES (:connection, :owner, :until)
ON CONFLICT (name) DO UPDATE SET sweeper = excluded.sweeper, sweep_until = excluded.sweep_until
WHERE connection.sweep_until <= :now AND COALESCE(connection.swept_at, 0) <= :before RETURNING name;

-- name: renew_sweep
UPDATE connection SET sweep_until = :until WHERE name = :connection AND sweeper = :owner RETURNING name;

-- name: release_sweep
-- With a time before which nobody should try again.
UPDATE connection SET sweeper = NULL, sweep_until = :until WHERE name = :connection AND sweeper = :owner;

-- name: budget
-- What the processes that call a connection have of its budget, as JSON: few, short-lived, and only ever needed together.
SELECT shares FROM budget WHERE connection = :connection;

-- name: budget for postgres
-- Locked to the end of the transaction: shares are given out one after the other.
SELECT shares FROM budget WHERE connection = :connection FOR NO KEY UPDATE;

-- name: add_budget
INSERT INTO budget (connection, shares) VALUES (:connection, '[]') ON CONFLICT (connection) DO NOTHING;

-- name: save_budget
UPDATE budget SET shares = :shares WHERE connection = :connection;

-- name: pause
-- A short pause does not end a longer one: an operator's, or that of refused credentials.
-- What a person does stands, whatever was before.
INSERT INTO connection (name, paused_until, why, paused_by) VALUES (:connection, :until, :why, :who)
ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until, why = excluded.why,
paused_by = excluded.paused_by
WHERE connection.paused_until < excluded.paused_until OR excluded.paused_by <> '';

-- name: resume
UPDATE connection SET paused_until = 0, why = '', paused_by = '' WHERE name = :connection;

-- name: connections
SELECT name, paused_until, why, paused_by, heard_at, swept_at FROM connection;

-- name: waiting
-- Deliveries that nobody has turned into looks yet, oldest first.
SELECT id, connection, method, query, content_type, body FROM delivery WHERE state = 'waiting' ORDER BY id LIMIT :n;

-- name: count_waiting
SELECT COUNT(*) FROM delivery WHERE state = 'waiting';

-- name: delivery_state
-- Once: workers that take in side by side find the same deliveries waiting.
UPDATE delivery SET state = :state, outcome = :outcome WHERE id = :id AND state = 'waiting' RETURNING id;

-- name: delivery_outcome
-- The first outcome stands, except that an echo may turn out to be news at the later look. link: of one that was merged,
-- which has no attempt of its own.
UPDATE delivery SET state = 'done', outcome = :outcome, link = :link
WHERE id = :id AND (state <> 'done' OR (outcome = 'echo' AND :outcome <> 'echo'));

-- name: delivery
SELECT id, connection, at, state, outcome FROM delivery WHERE id = :id;

-- name: find
-- The link of a vendor's id, or of another id under which its webhooks name the record.
SELECT r.link, r.vendor_id FROM ref r WHERE r.connection = :connection AND r.kind = :kind AND r.vendor_id = :vendor_id
UNION ALL
SELECT r.link, r.vendor_id FROM alias a
JOIN ref r ON r.connection = a.connection AND r.kind = a.kind AND r.vendor_id = a.vendor_id
WHERE a.connection = :connection AND a.kind = :kind AND a.alias = :vendor_id;

-- name: add_look
INSERT INTO look (link, connection, at, cause) VALUES (:link, :connection, :at, :cause)
ON CONFLICT (link, connection, at, cause) DO NOTHING;

-- name: take_looks
-- Only what the reader knew of: a look that came in meanwhile may be dated before the read, and was not answered by it.
DELETE FROM look WHERE link = :link AND connection = :connection AND at <= :upto AND cause = :cause;

-- name: due_looks
SELECT connection, at, cause FROM look WHERE link = :link AND at <= :now
AND connection NOT IN (SELECT name FROM connection WHERE paused_until > :now) ORDER BY at, cause, connection;

-- name: due_link
-- The link whose look has waited longest, if nobody holds its lease and its connection is not paused; or one whose
-- lease has lapsed: its worker died, maybe between two steps of a change, and no look says so.
SELECT link, lapsed FROM (
SELECT * FROM (
    SELECT look.link AS link, look.at AS at, link.lease_until > 0 AS lapsed FROM look JOIN link ON link.id = look.link
    WHERE look.at <= :now AND link.lease_until <= :now
    AND look.connection NOT IN (SELECT name FROM connection WHERE paused_until > :now)
    ORDER BY look.at LIMIT 1) AS waiting
UNION ALL
SELECT * FROM (
    SELECT id AS link, lease_until AS at, 1 = 1 AS lapsed FROM link
    WHERE lease_until > 0 AND lease_until <= :now ORDER BY lease_until LIMIT 1) AS abandoned
) AS due ORDER BY at LIMIT 1;

-- name: due_link for postgres
-- The same. A link that another worker is taking at this moment is passed over; the lock ends with the claim.
SELECT link, lapsed FROM (
SELECT * FROM (
    SELECT look.link AS link, look.at AS at, link.lease_until > 0 AS lapsed FROM look JOIN link ON link.id = look.link
    WHERE look.at <= :now AND link.lease_until <= :now
    AND look.connection NOT IN (SELECT name FROM connection WHERE paused_until > :now)
    ORDER BY look.at LIMIT 1 FOR NO KEY UPDATE OF link SKIP LOCKED) AS waiting
UNION ALL
SELECT * FROM (
    SELECT id AS link, lease_until AS at, 1 = 1 AS lapsed FROM link
    WHERE lease_until > 0 AND lease_until <= :now
    ORDER BY lease_until LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS abandoned
) AS due ORDER BY at LIMIT 1;

-- name: something_due
-- Is there anything to claim, and is there more? Asked before each claim, because it locks nothing.
SELECT 1 FROM look JOIN link ON link.id = look.link
WHERE look.at <= :now AND link.lease_until <= :now
AND look.connection NOT IN (SELECT name FROM connection WHERE paused_until > :now)
UNION ALL SELECT 1 FROM link WHERE lease_until > 0 AND lease_until <= :now LIMIT 2;

-- name: next_look_soon
-- The earliest looks, with what else they wait for: the lease of the link, the pause of the connection; and leases.
SELECT * FROM (
    SELECT look.at, link.lease_until, COALESCE(c.paused_until, 0) FROM look
    JOIN link ON link.id = look.link LEFT JOIN connection c ON c.name = look.connection
    ORDER BY look.at LIMIT 50) AS looks
UNION ALL SELECT lease_until, 0, 0 FROM link WHERE lease_until > 0;

-- name: lease
-- The token is a time, so that none is given twice, not even when a loss of power has taken back the lease it came with.
UPDATE link SET owner = :owner, token = CASE WHEN token < :now THEN :now ELSE token + 1 END, lease_until = :until
WHERE id = :link AND lease_until <= :now RETURNING token;

-- name: renew
UPDATE link SET lease_until = :until WHERE id = :link AND token = :token;

-- name: release
UPDATE link SET owner = NULL, lease_until = 0 WHERE id = :link AND token = :token;

-- name: fence
SELECT token FROM link WHERE id = :link;

-- name: fence for postgres
-- Locked to the end of the transaction: nobody takes the lease between this look at it and the commit.
SELECT token FROM link WHERE id = :link FOR NO KEY UPDATE;

-- name: leased_until
SELECT lease_until FROM link WHERE id = :link;

-- name: leased_until for postgres
SELECT lease_until FROM link WHERE id = :link FOR NO KEY UPDATE;

-- name: load_refs
SELECT connection, kind, vendor_id, linked_at, stamp, wrote_at, missing_since, gone, fails, failing_since FROM ref
WHERE link = :link ORDER BY connection;

-- name: load_hubs
SELECT field, value, version, stamp, origin, hop, held_until, argued, argued_day FROM hub WHERE link = :link ORDER BY field;

-- name: load_shadows
SELECT connection, field, native, base, moved_at, sent, undated FROM shadow WHERE link = :link
ORDER BY connection, field;

-- name: load_formers
SELECT connection, field, native, replaced_at FROM former WHERE link = :link
ORDER BY replaced_at, connection, field, native;

-- name: load_writes
SELECT connection, id, patch, touched, at FROM write WHERE link = :link AND state = 'open';

-- name: load_holds
SELECT connection, field, reason, cure, kind FROM hold WHERE link = :link;

-- name: save_ref
UPDATE ref SET stamp = :stamp, wrote_at = :wrote_at, missing_since = :missing_since, gone = :gone
WHERE link = :link AND connection = :connection;

-- name: save_hub
INSERT INTO hub (link, field, value, version, stamp, origin, hop, held_until, argued, argued_day)
VALUES (:link, :field, :value, :version, :stamp, :origin, :hop, :held_until, :argued, :argued_day)
ON CONFLICT (link, field) DO UPDATE SET value = excluded.value, version = excluded.version, stamp = excluded.stamp,
origin = excluded.origin, hop = excluded.hop, held_until = excluded.held_until, argued = excluded.argued,
argued_day = excluded.argued_day;

-- name: save_shadow
INSERT INTO shadow (link, connection, field, native, base, moved_at, sent, undated)
VALUES (:link, :connection, :field, :native, :base, :moved_at, :sent, :undated)
ON CONFLICT (link, connection, field) DO UPDATE SET native = excluded.native, base = excluded.base,
moved_at = excluded.moved_at, sent = excluded.sent, undated = excluded.undated;

-- name: save_former
INSERT INTO former (link, connection, field, native, replaced_at)
VALUES (:link, :connection, :field, :native, :replaced_at)
ON CONFLICT (link, connection, field, native) DO UPDATE SET replaced_at = excluded.replaced_at;

-- name: drop_former
DELETE FROM former WHERE link = :link AND connection = :connection AND field = :field AND native = :native;

-- name: open_write
INSERT INTO write (id, link, connection, kind, patch, touched, opened_at, at, state, cause)
VALUES (:id, :link, :connection, 'update', :patch, :touched, :at, :at, 'open', :cause);

-- name: touch_write
UPDATE write SET at = :at WHERE id = :id;

-- name: close_write
UPDATE write SET state = :state, detail = :detail, answer = :answer WHERE id = :id AND state = 'open';

-- name: fails
UPDATE ref SET fails = :fails, failing_since = :since WHERE link = :link AND connection = :connection;

-- name: resting
-- Sides that have failed and will be tried again at a time that has not come.
SELECT DISTINCT r.connection FROM ref r JOIN look k ON k.link = r.link AND k.connection = r.connection AND k.at > :now
WHERE r.link = :link AND r.fails > 0;

-- name: troubles
-- Sides of a link whose last call failed and that are tried again, with how that failed.
SELECT r.connection, r.fails, r.failing_since AS since, a.reason, a.detail FROM ref r
JOIN attempt a ON a.id = (SELECT MAX(f.id) FROM attempt f
    WHERE f.link = r.link AND f.connection = r.connection AND f.outcome = 'failed')
WHERE r.link = :link AND r.fails > 0
AND EXISTS (SELECT 1 FROM look k WHERE k.link = r.link AND k.connection = r.connection) ORDER BY r.connection;

-- name: note
INSERT INTO journal (id, at, link, connection, field, what, old, new, version, delivery, detail)
VALUES (:id, :at, :link, :connection, :field, :what, :old, :new, :version, :delivery, :detail);

-- name: attempt
INSERT INTO attempt (id, at, link, connection, cause, outcome, reason, detail, fails, ms)
VALUES (:id, :at, :link, :connection, :cause, :outcome, :reason, :detail, :fails, :ms);

-- name: attempts
SELECT at, connection, cause, outcome, reason, detail, fails, ms FROM attempt WHERE link = :link ORDER BY id DESC LIMIT :n;

-- name: put_hold
INSERT INTO hold (link, connection, field, reason, cure, kind, since)
VALUES (:link, :connection, :field, :reason, :cure, :kind, :since)
ON CONFLICT (link, connection, field) DO UPDATE SET reason = excluded.reason, cure = excluded.cure,
kind = excluded.kind;

-- name: drop_hold
DELETE FROM hold WHERE link = :link AND connection = :connection AND field = :field;

-- name: holds_of_link
SELECT connection, field, reason, cure, since FROM hold WHERE link = :link ORDER BY connection, field;

-- name: holds
SELECT link, connection, field, reason, cure, since FROM hold ORDER BY since;

-- name: look_at_holds
-- New choices or links may have cured these: look at them again.
INSERT INTO look (link, connection, at, cause)
SELECT DISTINCT link, connection, CAST(:at AS BIGINT), 'cured' FROM hold
WHERE connection = :connection OR reason LIKE 'nobody has said%'
ON CONFLICT (link, connection, at, cause) DO NOTHING;

-- name: look_at_due
-- After a pause: every ref of the connection that the hub has run ahead of.
INSERT INTO look (link, connection, at, cause)
SELECT DISTINCT s.link, s.connection, CAST(:at AS BIGINT), 'resumed' FROM shadow s
JOIN hub h ON h.link = s.link AND h.field = s.field AND s.base < h.version WHERE s.connection = :connection
ON CONFLICT (link, connection, at, cause) DO NOTHING;

-- name: add_link
INSERT INTO link (id, kind, created_at) VALUES (:id, :kind, :at);

-- name: add_ref
INSERT INTO ref (connection, kind, vendor_id, link, linked_at)
VALUES (:connection, :kind, :vendor_id, :link, :linked_at);

-- name: look_at_all
INSERT INTO look (link, connection, at, cause) SELECT link, connection, CAST(:at AS BIGINT), CAST(:cause AS TEXT)
FROM ref WHERE link = :link
ON CONFLICT (link, connection, at, cause) DO NOTHING;

-- name: add_alias
INSERT INTO alias (connection, kind, alias, vendor_id) VALUES (:connection, :kind, :alias, :vendor_id)
ON CONFLICT (connection, kind, alias) DO UPDATE SET vendor_id = excluded.vendor_id
WHERE alias.vendor_id <> excluded.vendor_id;

-- name: refs
SELECT link, connection, kind, vendor_id, gone FROM ref ORDER BY link, connection;

-- name: refs_of_link
SELECT connection, kind, vendor_id, gone FROM ref WHERE link = :link ORDER BY connection;

-- name: ref_ids
-- Every live opportunity of a connection, to see which a complete sweep did not show.
SELECT vendor_id FROM ref WHERE connection = :connection AND kind = 'opportunity' AND gone = 0;

-- name: shadows_of_refs
-- The shadows of one page of a sweep; :ids is a JSON array of vendor ids.
SELECT r.vendor_id, r.link, r.stamp, r.gone, s.field, s.native FROM ref r LEFT JOIN shadow s ON s.link = r.link AND s.connection = r.connection
WHERE r.connection = :connection AND r.kind = 'opportunity' AND r.vendor_id IN (SELECT value FROM json_each(:ids));

-- name: shadows_of_refs for postgres
SELECT r.vendor_id, r.link, r.stamp, r.gone, s.field, s.native FROM ref r LEFT JOIN shadow s ON s.link = r.link AND s.connection = r.connection
WHERE r.connection = :connection AND r.kind = 'opportunity'
AND r.vendor_id IN (SELECT value FROM json_array_elements_text(CAST(:ids AS JSON)));

-- name: revise
INSERT INTO revision (name, n) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET n = revision.n + 1;

-- name: revision
SELECT n FROM revision WHERE name = :name;

-- name: journal_of_link
SELECT id, at, connection, field, what, old, new, version, delivery, detail FROM journal WHERE link = :link ORDER BY id;

-- name: refused
-- What a connection has refused for good, latest last.
SELECT patch, detail, state FROM write
WHERE link = :link AND connection = :connection AND state IN ('dead', 'discarded') ORDER BY at, id;

-- name: counts
SELECT (SELECT COUNT(*) FROM link WHERE state = 'live') AS links, (SELECT COUNT(*) FROM ref) AS refs,
(SELECT COUNT(*) FROM choice) AS choices, (SELECT COUNT(*) FROM delivery) AS deliveries,
(SELECT COUNT(*) FROM look) AS looks, (SELECT COUNT(*) FROM hold) AS holds, (SELECT COUNT(*) FROM journal) AS journal;

-- name: prune_deliveries
DELETE FROM delivery WHERE at < :before AND state = 'done';

-- name: prune_attempts
DELETE FROM attempt WHERE at < :before;

-- name: prune_writes
-- What was discarded is needed until the side was looked at, which waits while the connection is paused.
DELETE FROM write WHERE at < :before AND (state IN ('done', 'refused', 'replayed') OR (state = 'discarded'
AND connection NOT IN (SELECT name FROM connection WHERE paused_until > :before)));

-- What people do

-- name: note_deed
INSERT INTO audit (id, at, who, deed, target, detail) VALUES (:id, :at, :who, :deed, :target, :detail);

-- name: deeds
-- Newest first, from before :before on.
SELECT id, at, who, deed, target, detail FROM audit WHERE id < :before ORDER BY id DESC LIMIT :n;

-- Links, as people search and mend them

-- name: lock_link
-- A link that has not ended. Locked to the end of the transaction.
SELECT kind FROM link WHERE id = :link AND state = 'live';

-- name: lock_link for postgres
SELECT kind FROM link WHERE id = :link AND state = 'live' FOR NO KEY UPDATE;

-- name: void_lease
-- Whoever holds the lease finds another token at its next save.
UPDATE link SET owner = NULL, token = CASE WHEN token < :now THEN :now ELSE token + 1 END, lease_until = 0
WHERE id = :link;

-- name: doubt_as_long_as_leased
-- Whoever is fenced may be about to send what it has opened, and knows that only when the call has ended: no later than
-- its lease would have.
UPDATE write SET at = (SELECT CASE WHEN lease_until > write.at THEN lease_until ELSE write.at END FROM link WHERE id = :link)
WHERE link = :link AND state = 'open';

-- name: leave_open_write
UPDATE write SET state = 'refused', detail = :detail WHERE link = :link AND connection = :connection AND state = 'open';

-- name: leave_dead_writes
-- What was given up is not tried again where there is no record to write to.
UPDATE write SET state = 'refused' WHERE link = :link AND connection = :connection AND state = 'dead';

-- name: left_lately
-- Writes that were in doubt when their record left a link, latest last.
SELECT id, patch, detail FROM write WHERE state = 'refused' AND at > :since AND detail LIKE :detail ORDER BY at, id;

-- name: reopen_write
UPDATE write SET state = 'open', detail = '', link = :link, patch = :patch WHERE id = :id;

-- name: leave_deliveries
-- Those that still had a look at this side to come.
UPDATE delivery SET state = 'done', outcome = 'not linked' WHERE state = 'looking'
AND id IN (SELECT cause FROM look WHERE link = :link AND connection = :connection);

-- name: leave_looks
DELETE FROM look WHERE link = :link AND connection = :connection;

-- name: move_looks
INSERT INTO look (link, connection, at, cause) SELECT CAST(:to AS TEXT), connection, at, cause FROM look
WHERE link = :link AND connection = :connection
ON CONFLICT (link, connection, at, cause) DO NOTHING;

-- name: leave_holds
DELETE FROM hold WHERE link = :link AND connection = :connection;

-- name: leave_formers
DELETE FROM former WHERE link = :link AND connection = :connection;

-- name: leave_shadows
DELETE FROM shadow WHERE link = :link AND connection = :connection;

-- name: leave_ref
DELETE FROM ref WHERE link = :link AND connection = :connection;

-- name: end_hubs
DELETE FROM hub WHERE link = :link;

-- name: end_link
UPDATE link SET state = 'deleted' WHERE id = :link;

-- name: deals_of_party
SELECT link, field, version, origin AS connection FROM hub
WHERE field IN ('contact', 'account') AND substr(value, 1, 200) = :value ORDER BY link, field;

-- name: rename_party
UPDATE hub SET value = :new WHERE field IN ('contact', 'account') AND substr(value, 1, 200) = :old;

-- name: links
-- Newest first, from before :before on.
SELECT l.id FROM link l WHERE l.kind = :kind AND l.state = 'live' AND l.id < :before
AND (CAST(:connection AS TEXT) = '' OR EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :connection))
AND (CAST(:without AS TEXT) = '' OR NOT EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :without))
ORDER BY l.id DESC LIMIT :n;

-- name: links_by_id
-- Those that have :q as their id, or as the id or code of a record.
SELECT l.id FROM (
    SELECT link FROM ref WHERE vendor_id = :q
    UNION SELECT r.link FROM alias a
    JOIN ref r ON r.connection = a.connection AND r.kind = a.kind AND r.vendor_id = a.vendor_id WHERE a.alias = :q
    UNION SELECT CAST(:q AS TEXT)) AS found CROSS JOIN link l
WHERE l.id = found.link AND l.kind = :kind AND l.state = 'live' AND l.id < :before
AND (CAST(:connection AS TEXT) = '' OR EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :connection))
AND (CAST(:without AS TEXT) = '' OR NOT EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :without))
ORDER BY l.id DESC LIMIT :n;

-- name: links_by_name
-- Those whose name fits :pattern; the case of ASCII does not matter. SQLite reads the tables of a CROSS JOIN in its order.
SELECT l.id, substr(h.value, 1, 200) AS name FROM hub h CROSS JOIN link l
WHERE h.field = 'name' AND substr(h.value, 1, 200) LIKE :pattern ESCAPE '!' AND h.link < :before
AND l.id = h.link AND l.kind = :kind AND l.state = 'live'
AND (CAST(:connection AS TEXT) = '' OR EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :connection))
AND (CAST(:without AS TEXT) = '' OR NOT EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :without))
ORDER BY h.link DESC LIMIT :n;

-- name: links_by_name for postgres
SELECT l.id, substr(h.value, 1, 200) AS name FROM hub h CROSS JOIN link l
WHERE h.field = 'name' AND substr(h.value, 1, 200) ILIKE :pattern ESCAPE '!' AND h.link < :before
AND l.id = h.link AND l.kind = :kind AND l.state = 'live'
AND (CAST(:connection AS TEXT) = '' OR EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :connection))
AND (CAST(:without AS TEXT) = '' OR NOT EXISTS (SELECT 1 FROM ref WHERE ref.link = l.id AND ref.connection = :without))
ORDER BY h.link DESC LIMIT :n;

-- name: links_after
-- Of each kind, oldest first, from after :after on.
SELECT id FROM link WHERE state = 'live' AND id > :after ORDER BY id LIMIT :n;

-- name: show_links
-- With their refs, the name of the deal, and whether something waits; :ids is a JSON array of links.
SELECT l.id, l.kind, l.created_at, r.connection, r.vendor_id, r.gone, h.value AS name,
EXISTS (SELECT 1 FROM hold WHERE hold.link = l.id) AS held
FROM link l JOIN ref r ON r.link = l.id LEFT JOIN hub h ON h.link = l.id AND h.field = 'name'
WHERE l.id IN (SELECT value FROM json_each(:ids)) ORDER BY l.id, r.connection;

-- name: show_links for postgres
SELECT l.id, l.kind, l.created_at, r.connection, r.vendor_id, r.gone, h.value AS name,
EXISTS (SELECT 1 FROM hold WHERE hold.link = l.id) AS held
FROM link l JOIN ref r ON r.link = l.id LEFT JOIN hub h ON h.link = l.id AND h.field = 'name'
WHERE l.id IN (SELECT value FROM json_array_elements_text(CAST(:ids AS JSON))) ORDER BY l.id, r.connection;

-- name: known_refs
-- Records by their ids, and by other ids under which webhooks name them; :ids is a JSON array of vendor ids.
SELECT r.connection, r.kind, r.vendor_id AS known_as, r.vendor_id, r.link FROM ref r
WHERE r.vendor_id IN (SELECT value FROM json_each(:ids))
UNION ALL
SELECT a.connection, a.kind, a.alias, r.vendor_id, r.link FROM alias a
JOIN ref r ON r.connection = a.connection AND r.kind = a.kind AND r.vendor_id = a.vendor_id
WHERE a.alias IN (SELECT value FROM json_each(:ids));

-- name: known_refs for postgres
SELECT r.connection, r.kind, r.vendor_id AS known_as, r.vendor_id, r.link FROM ref r
WHERE r.vendor_id IN (SELECT value FROM json_array_elements_text(CAST(:ids AS JSON)))
UNION ALL
SELECT a.connection, a.kind, a.alias, r.vendor_id, r.link FROM alias a
JOIN ref r ON r.connection = a.connection AND r.kind = a.kind AND r.vendor_id = a.vendor_id
WHERE a.alias IN (SELECT value FROM json_array_elements_text(CAST(:ids AS JSON)));

-- Choices, and what the lists of the CRMs offer

-- name: put_choice
INSERT INTO choice (connection, field, native, canonical, reads, writes, scope)
VALUES (:connection, :field, :native, :canonical, :reads, :writes, :scope)
ON CONFLICT (connection, field, native, canonical) DO UPDATE SET reads = excluded.reads, writes = excluded.writes,
scope = excluded.scope;

-- name: unread_choice
UPDATE choice SET reads = 0
WHERE connection = :connection AND field = :field AND native = :native AND canonical <> :canonical AND reads = 1
RETURNING connection, field, native, canonical;

-- name: unwrite_choice
UPDATE choice SET writes = 0 WHERE connection = :connection AND field = :field AND canonical = :canonical
AND scope = :scope AND native <> :native AND writes = 1 RETURNING connection, field, native, canonical;

-- name: drop_idle_choices
DELETE FROM choice WHERE reads = 0 AND writes = 0;

-- name: drop_choice
-- Only as the caller has seen it.
DELETE FROM choice WHERE connection = :connection AND field = :field AND native = :native AND canonical = :canonical
AND reads = :reads AND writes = :writes RETURNING native;

-- name: choices
SELECT connection, field, native, canonical, reads, writes, scope FROM choice ORDER BY connection, field, canonical, native;

-- name: unknown_values
-- What deals show and nobody understood when it was read, with how many deals. The index hub_unknown has all of it, but for
-- what is longer than it keeps.
SELECT field, deals, CASE WHEN length(start) < 200 THEN start ELSE (
    SELECT MIN(value) FROM hub WHERE substr(hub.value, 1, 9) = '"unknown:'
    AND hub.field = counted.field AND substr(hub.value, 1, 200) = start) END AS value
FROM (
    SELECT field, substr(value, 1, 200) AS start, COUNT(*) AS deals FROM hub WHERE substr(value, 1, 9) = '"unknown:'
    GROUP BY field, substr(value, 1, 200)) AS counted
ORDER BY field, start;

-- name: unsayable_values
-- What cannot be written for want of a choice, with how many deals it holds.
SELECT h.connection, h.field, h.reason, hub.value, COUNT(*) AS deals
FROM hold h JOIN hub ON hub.link = h.link AND hub.field = h.field
WHERE h.reason LIKE 'no choice for %' GROUP BY h.connection, h.field, h.reason, hub.value
ORDER BY h.connection, h.field, hub.value;

-- name: count_showing
-- How many deals show a native value, which is kept as a JSON text or number.
SELECT COUNT(*) AS deals FROM ref r
JOIN shadow s ON s.link = r.link AND s.connection = r.connection AND s.field = :field
WHERE r.connection = :connection AND r.kind = 'opportunity' AND r.gone = 0 AND s.native IN (:text, :number);

-- name: drop_listed
DELETE FROM listed WHERE connection = :connection;

-- name: add_listed
INSERT INTO listed (connection, field, native, label, at) VALUES (:connection, :field, :native, :label, :at);

-- name: listed
-- Of one connection, or of all when it is ''; in the order of what people read.
SELECT connection, field, native, label, at FROM listed WHERE :connection IN ('', connection)
ORDER BY connection, field, label, native;

-- name: drop_custom
DELETE FROM custom WHERE connection = :connection;

-- name: add_custom
INSERT INTO custom (connection, native, label, kind) VALUES (:connection, :native, :label, :kind);

-- name: customs
SELECT connection, native, label, kind FROM custom WHERE connection = :connection ORDER BY label, native;

-- name: put_wish
-- Anew, unless the same still waits for its answer.
INSERT INTO wish (connection, what, at) VALUES (:connection, :what, :at)
ON CONFLICT (connection, what) DO UPDATE SET at = excluded.at, taken_until = 0, answered_at = NULL
WHERE wish.answered_at IS NOT NULL;

-- name: wishes
SELECT connection, what, at, answered_at, ok, said FROM wish ORDER BY connection, what;

-- name: take_wish
-- One that nobody else is fulfilling.
UPDATE wish SET taken_until = :until WHERE connection = :connection AND what = (
    SELECT what FROM wish WHERE connection = :connection AND answered_at IS NULL AND taken_until <= :now
    ORDER BY at, what LIMIT 1)
AND answered_at IS NULL AND taken_until <= :now RETURNING what;

-- name: answer_wish
INSERT INTO wish (connection, what, at, answered_at, ok, said) VALUES (:connection, :what, :at, :at, :ok, :said)
ON CONFLICT (connection, what) DO UPDATE SET answered_at = excluded.answered_at, ok = excluded.ok, said = excluded.said;

-- name: want_sweep
-- As if it had never been swept. Who sweeps it at this moment goes on alone; a wait after a failure ends.
INSERT INTO connection (name) VALUES (:connection)
ON CONFLICT (name) DO UPDATE SET swept_at = NULL,
    sweep_until = CASE WHEN connection.sweeper IS NULL THEN 0 ELSE connection.sweep_until END;

-- name: sweep_wanted
SELECT name FROM connection
WHERE name = :connection AND swept_at IS NULL AND sweep_until <= :now AND paused_until <= :now;

-- Tokens, sessions, and requests that were answered

-- name: add_token
INSERT INTO token (id, name, role, hash, created_at) VALUES (:id, :name, :role, :hash, :at);

-- name: tokens
SELECT id, name, role, created_at, used_at, revoked_at FROM token ORDER BY id;

-- name: token_hashes
-- All valid ones: they are few, and each is compared in constant time.
SELECT id, name, role, hash, used_at FROM token WHERE revoked_at IS NULL;

-- name: token_used
UPDATE token SET used_at = :at WHERE id = :id;

-- name: revoke_token
UPDATE token SET revoked_at = :at WHERE name = :name AND revoked_at IS NULL RETURNING id;

-- name: add_session
INSERT INTO session (hash, token, created_at, until) VALUES (:hash, :token, :at, :until);

-- name: session_token
SELECT t.id, t.name, t.role FROM session s JOIN token t ON t.id = s.token
WHERE s.hash = :hash AND s.until > :now AND t.revoked_at IS NULL;

-- name: end_session
DELETE FROM session WHERE hash = :hash;

-- name: end_sessions
DELETE FROM session WHERE token = :token;

-- name: prune_sessions
DELETE FROM session WHERE until <= :now;

-- name: begin_request
INSERT INTO answered (token, repeat_key, request, at) VALUES (:token, :repeat_key, :request, :at)
ON CONFLICT (token, repeat_key) DO UPDATE
SET request = excluded.request, at = excluded.at, status = NULL, headers = '{}', body = ''
WHERE answered.at < :forgotten OR (answered.status IS NULL AND answered.at < :given_up) RETURNING token;

-- name: answered
SELECT request, status, headers, body FROM answered WHERE token = :token AND repeat_key = :repeat_key;

-- name: end_request
UPDATE answered SET status = :status, headers = :headers, body = :body
WHERE token = :token AND repeat_key = :repeat_key;

-- name: drop_request
DELETE FROM answered WHERE token = :token AND repeat_key = :repeat_key;

-- name: prune_answered
DELETE FROM answered WHERE at < :before;

-- What lists and pages show

-- name: journal_page
SELECT id, at, connection, field, what, old, new, version, delivery, detail FROM journal
WHERE link = :link AND id > :after ORDER BY id LIMIT :n;

-- name: waits
-- How much waits for a person.
SELECT (SELECT COUNT(*) FROM hold) AS holds, (SELECT COUNT(*) FROM write WHERE state = 'dead')
+ (SELECT COUNT(*) FROM delivery WHERE substr(outcome, 1, 6) = 'dead: ') AS dead;

-- name: page_of_deliveries
-- Newest first; '' and the widest times take everything. `at + 0` keeps to the order of the ids: out of the index of
-- times all of them would be sorted for one page.
SELECT id, connection, at, method, content_type, length(body) AS size, state, outcome FROM delivery
WHERE id < :before AND at + 0 >= :since AND at + 0 < :until AND (:connection = '' OR connection = :connection)
AND (:state = '' OR state = :state) AND substr(outcome, 1, length(:outcome)) = :outcome ORDER BY id DESC LIMIT :n;

-- name: page_of_deliveries_of_link
-- The same, of what has led to a link.
SELECT id, connection, at, method, content_type, length(body) AS size, state, outcome FROM delivery
WHERE id IN (SELECT cause FROM attempt WHERE link = :link UNION SELECT delivery FROM journal WHERE link = :link
    UNION SELECT cause FROM look WHERE link = :link UNION SELECT id FROM delivery WHERE link = :link AND link <> '')
AND id < :before AND at >= :since AND at < :until AND (:connection = '' OR connection = :connection)
AND (:state = '' OR state = :state) AND substr(outcome, 1, length(:outcome)) = :outcome ORDER BY id DESC LIMIT :n;

-- name: one_delivery
SELECT id, connection, at, method, content_type, length(body) AS size, state, outcome, link FROM delivery WHERE id = :id;

-- name: attempts_of_cause
-- Nothing that it led to is older than the delivery itself, so the key finds where to begin.
SELECT id, at, link, connection, cause, outcome, reason, detail, fails, ms FROM attempt
WHERE id > :cause AND cause = :cause ORDER BY id;

-- name: writes_of_cause
SELECT id, link, connection, patch, touched, opened_at, at, state, cause, detail, answer FROM write
WHERE id > :cause AND cause = :cause ORDER BY id;

-- name: replay_delivery
UPDATE delivery SET state = 'waiting', outcome = '' WHERE id = :id RETURNING id;

-- name: page_of_attempts
-- In the order of the ids, as deliveries.
SELECT id, at, link, connection, cause, outcome, reason, detail, fails, ms FROM attempt
WHERE id < :before AND at + 0 >= :since AND (:connection = '' OR connection = :connection)
AND substr(outcome, 1, length(:outcome)) = :outcome ORDER BY id DESC LIMIT :n;

-- name: page_of_attempts_of_link
SELECT id, at, link, connection, cause, outcome, reason, detail, fails, ms FROM attempt
WHERE link = :link AND id < :before AND at + 0 >= :since AND (:connection = '' OR connection = :connection)
AND substr(outcome, 1, length(:outcome)) = :outcome ORDER BY id DESC LIMIT :n;

-- name: page_of_holds
-- The oldest first, from after the last one that was seen.
SELECT h.link, h.connection, h.field, h.kind, h.reason, h.cure, h.since, hub.value, hub.origin, named.value AS name
FROM hold h LEFT JOIN hub ON hub.link = h.link AND hub.field = h.field
LEFT JOIN hub AS named ON named.link = h.link AND named.field = 'name'
WHERE (h.since, h.link, h.connection, h.field) > (:after_at, :after_link, :after_connection, :after_field)
AND (:connection = '' OR h.connection = :connection) AND (:field = '' OR h.field = :field)
AND (:kind = '' OR h.kind = :kind) AND (:link = '' OR h.link = :link) AND (:reason = '' OR h.reason = :reason)
ORDER BY h.since, h.link, h.connection, h.field LIMIT :n;

-- name: one_hold
SELECT h.link, h.connection, h.field, h.kind, h.reason, h.cure, h.since, hub.value, hub.origin, named.value AS name
FROM hold h LEFT JOIN hub ON hub.link = h.link AND hub.field = h.field
LEFT JOIN hub AS named ON named.link = h.link AND named.field = 'name'
WHERE h.link = :link AND h.connection = :connection AND h.field = :field;

-- name: groups_of_holds
-- Where one cure is for all sides, a decision between them or a meaning, it does not matter where it is held: no
-- connection.
SELECT side AS connection, field, kind, reason, MIN(cure) AS cure, MIN(since) AS since, COUNT(DISTINCT link) AS deals
FROM (SELECT *, CASE WHEN kind IN ('conflict', 'argument', 'meaning') THEN '' ELSE connection END AS side FROM hold) AS h
WHERE (:connection = '' OR connection = :connection) AND (:field = '' OR field = :field)
AND (:kind = '' OR kind = :kind) GROUP BY side, field, kind, reason ORDER BY MIN(since), side, field, reason;

-- name: page_of_dead
-- Writes that were given up, and deliveries that nothing came of, as one list; both are named by ids that grow with time.
SELECT id, 'write' AS kind, link, connection, at, detail AS reason FROM write
WHERE state = 'dead' AND id < :before AND at >= :since AND at < :until
AND (:connection = '' OR connection = :connection) AND (:link = '' OR link = :link)
AND substr(detail, 1, length(:reason)) = :reason
UNION ALL
SELECT id, 'delivery' AS kind, '' AS link, connection, at, substr(outcome, 7) AS reason FROM delivery
WHERE state = 'done' AND substr(outcome, 1, 6) = 'dead: ' AND id < :before AND at >= :since AND at < :until
AND (:connection = '' OR connection = :connection) AND :link = ''
AND substr(outcome, 7, length(:reason)) = :reason
ORDER BY id DESC LIMIT :n;

-- name: one_write
SELECT id, link, connection, patch, touched, opened_at, at, state, cause, detail, answer FROM write WHERE id = :id;

-- name: replay_write
UPDATE write SET state = 'replayed' WHERE id = :id AND state = 'dead' RETURNING link, connection;

-- name: replay_dead_delivery
UPDATE delivery SET state = 'waiting', outcome = ''
WHERE id = :id AND state = 'done' AND substr(outcome, 1, 6) = 'dead: ' RETURNING id;

-- name: replay_side
UPDATE write SET state = 'replayed' WHERE link = :link AND connection = :connection AND state = 'dead'
RETURNING link, connection;

-- name: discard_write
UPDATE write SET state = 'discarded' WHERE id = :id AND state = 'dead'
RETURNING id, link, connection, patch, touched, at, cause, detail, answer;

-- name: discard_delivery
UPDATE delivery SET outcome = :outcome WHERE id = :id AND state = 'done' AND substr(outcome, 1, 6) = 'dead: '
RETURNING id;

-- name: known
SELECT (SELECT COUNT(*) FROM link WHERE state = 'live' AND kind = 'opportunity') AS links,
(SELECT COUNT(*) FROM choice) AS choices;

-- name: activity
-- What made the bridge act, newest first, from before an id on: deliveries; and the first attempt of each run of attempts
-- at one link that no delivery has caused, such as a sweep's. A run ends where nothing has followed for :run_ms.
SELECT id, connection, at, state, outcome, link, cause FROM (
SELECT * FROM (
    SELECT d.id, d.connection, d.at, d.state, d.outcome, d.link, '' AS cause FROM delivery d
    WHERE d.id < :before AND (:connection = '' OR d.connection = :connection)
    AND (:link = '' OR d.link = :link OR d.id IN (SELECT l.cause FROM attempt l WHERE l.link = :link))
    AND d.outcome LIKE :like AND d.outcome NOT LIKE :unlike AND (:failed = 0 OR EXISTS (
        SELECT 1 FROM attempt f WHERE f.cause = d.id AND f.outcome IN ('failed', 'dead', 'refused')))
    ORDER BY d.id DESC LIMIT :n) AS heard
UNION ALL
SELECT * FROM (
    SELECT a.id, a.connection, a.at, 'done' AS state, a.outcome, a.link, a.cause FROM attempt a
    WHERE a.id < :before AND (:connection = '' OR a.connection = :connection) AND (:link = '' OR a.link = :link)
    AND a.outcome LIKE :like AND a.outcome NOT LIKE :unlike AND (:failed = 0 OR EXISTS (
        SELECT 1 FROM attempt f WHERE f.link = a.link AND f.cause = a.cause AND f.id >= a.id
        AND f.at <= a.at + :run_ms AND f.outcome IN ('failed', 'dead', 'refused')))
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = a.cause) AND COALESCE((
        SELECT b.at FROM attempt b WHERE b.link = a.link AND b.cause = a.cause AND b.id < a.id
        ORDER BY b.id DESC LIMIT 1), 0) < a.at - :run_ms
    ORDER BY a.id DESC LIMIT :n) AS found
) AS acts ORDER BY id DESC LIMIT :n;

-- name: attempts_of_deliveries
-- :ids is a JSON array of theirs.
SELECT id, at, link, connection, cause, outcome, reason, ms FROM attempt
WHERE cause IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- name: attempts_of_deliveries for postgres
SELECT id, at, link, connection, cause, outcome, reason, ms FROM attempt
WHERE cause IN (SELECT json_array_elements_text(CAST(:ids AS JSON))) ORDER BY id;

-- name: attempts_of_links
-- Those between an id and a time; :links is a JSON array.
SELECT id, at, link, connection, cause, outcome, reason, ms FROM attempt
WHERE link IN (SELECT value FROM json_each(:links)) AND id >= :first AND at <= :until ORDER BY id;

-- name: attempts_of_links for postgres
SELECT id, at, link, connection, cause, outcome, reason, ms FROM attempt
WHERE link IN (SELECT json_array_elements_text(CAST(:links AS JSON))) AND id >= :first AND at <= :until ORDER BY id;

-- name: names_of_links
SELECT link, value FROM hub WHERE field = 'name' AND link IN (SELECT value FROM json_each(:links));

-- name: names_of_links for postgres
SELECT link, value FROM hub
WHERE field = 'name' AND link IN (SELECT json_array_elements_text(CAST(:links AS JSON)));

-- name: held_back
-- What of these links has begun to wait since an id, and what made us look.
SELECT link, connection, field, detail, delivery AS cause, at FROM journal
WHERE link IN (SELECT value FROM json_each(:links)) AND id >= :first AND what IN ('waits', 'held') ORDER BY id;

-- name: held_back for postgres
SELECT link, connection, field, detail, delivery AS cause, at FROM journal
WHERE link IN (SELECT json_array_elements_text(CAST(:links AS JSON))) AND id >= :first AND what IN ('waits', 'held')
ORDER BY id;

-- name: latest
-- Differs from what it was when something that `activity` shows has changed.
SELECT (SELECT MAX(id) FROM delivery) AS delivery, (SELECT MAX(id) FROM attempt) AS attempt,
(SELECT COUNT(*) FROM delivery WHERE state = 'waiting') AS waiting;

-- name: hourly
-- How often what happened, by connection and whole hours since :since.
SELECT connection, (at - :since) / 3600000 AS hour,
CASE WHEN outcome LIKE 'changed%' THEN 'edits' WHEN outcome LIKE 'wrote%' THEN 'writes'
WHEN outcome = 'echo' THEN 'echoes' ELSE 'failures' END AS what, COUNT(*) AS n
FROM attempt WHERE at >= :since AND (outcome LIKE 'changed%' OR outcome LIKE 'wrote%'
OR outcome IN ('echo', 'failed', 'dead', 'refused')) GROUP BY 1, 2, 3;

-- What is measured

-- name: beat
INSERT INTO pulse (process, connection, at, state) VALUES (:process, :connection, :at, :state)
ON CONFLICT (process, connection) DO UPDATE SET at = excluded.at, state = excluded.state;

-- name: forget_pulses
-- Of processes that died without a word.
DELETE FROM pulse WHERE at < :before;

-- name: end_pulse
DELETE FROM pulse WHERE process = :process;

-- name: pulses
SELECT process, connection, at, state FROM pulse WHERE at >= :since;

-- name: add_tally
INSERT INTO tally (connection, what, outcome, n) VALUES (:connection, :what, :outcome, :n)
ON CONFLICT (connection, what, outcome) DO UPDATE SET n = tally.n + excluded.n;

-- name: tallies
SELECT connection, what, outcome, n FROM tally;

-- name: alarms
SELECT connection, what, level, since, below_since, peak FROM alarm;

-- name: put_alarm
INSERT INTO alarm (connection, what, level, since, below_since, peak)
VALUES (:connection, :what, :level, :since, :below_since, :peak)
ON CONFLICT (connection, what) DO UPDATE SET level = excluded.level, since = excluded.since,
below_since = excluded.below_since, peak = excluded.peak;

-- name: drop_alarm
DELETE FROM alarm WHERE connection = :connection AND what = :what;

-- name: lease_duty
-- For whoever has it already, or asks first once it has lapsed.
INSERT INTO duty (name, owner, until) VALUES (:name, :owner, :until)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE duty.owner = excluded.owner OR duty.until <= :now RETURNING name;

-- name: due_by_connection
SELECT k.connection, COUNT(*) AS n, MIN(k.at) AS since FROM look k JOIN link l ON l.id = k.link AND l.state = 'live'
WHERE k.at <= :now GROUP BY k.connection;

-- name: failing_by_connection
-- Sides whose calls fail, and that are tried again: a look that moves on with each try does not tell since when.
SELECT r.connection, MIN(r.failing_since) AS since FROM ref r WHERE r.failing_since IS NOT NULL
AND EXISTS (SELECT 1 FROM look k WHERE k.link = r.link AND k.connection = r.connection) GROUP BY r.connection;

-- name: waiting_by_connection
SELECT connection, COUNT(*) AS n, MIN(at) AS since FROM delivery WHERE state = 'waiting' GROUP BY connection;

-- name: holds_by_connection
SELECT connection, COUNT(*) AS n FROM hold GROUP BY connection;

-- name: dead_by_connection
-- What `page_of_dead` lists.
SELECT connection, COUNT(*) AS n FROM (
SELECT connection FROM write WHERE state = 'dead'
UNION ALL SELECT connection FROM delivery WHERE substr(outcome, 1, 6) = 'dead: '
) AS dead GROUP BY connection;

-- What only PostgreSQL needs: SQLite sets itself up by PRAGMAs, and sqlite-utils keeps its migrations.

-- name: session for postgres
-- Of each connection: wait for a lock as long as SQLite waits for the file, and hold none when the bridge has stopped.
-- Commits are not synced unless `durable` asks for it.
SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = off;

-- name: durable for postgres
SET LOCAL synchronous_commit = on;

-- name: migrate_patiently for postgres
SELECT set_config('lock_timeout', '0', TRUE), set_config('statement_timeout', '0', TRUE);

-- name: migrate_alone for postgres
-- One process at a time, to the end of its transaction; the number only has to be the bridge's own.
SELECT pg_advisory_xact_lock(7230981442);

-- name: has_migrations for postgres
SELECT to_regclass('bridge_migration') IS NOT NULL;

-- name: make_migrations for postgres
CREATE TABLE IF NOT EXISTS bridge_migration (name TEXT PRIMARY KEY);

-- name: migrations for postgres
SELECT name FROM bridge_migration;

-- name: migrated for postgres
INSERT INTO bridge_migration (name) VALUES (:name);

-- name: prove for postgres
UPDATE bridge_migration SET name = name WHERE name = '0001_first';

-- name: server_time for postgres
-- Of this moment, not of the begin of the transaction; in milliseconds.
SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000.0;

-- name: wake for postgres
-- After the commit, in a transaction of its own: those that tell something commit one after the other, on the whole server.
NOTIFY bridge_work;

-- name: listen for postgres
LISTEN bridge_work;

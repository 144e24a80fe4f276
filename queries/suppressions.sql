-- Findings with what was suppressed on the dashboard since they were made: at once, and undone as easily.
create table suppression (finding_key varchar not null, reason varchar not null, by_whom varchar, since timestamp);

create view finding as
select f.* replace (coalesce(f.suppressed, s.reason) as suppressed)
from finding_as_made f
left join suppression s using (finding_key);

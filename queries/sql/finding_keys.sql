-- The keys of all findings of one check that are selected and count.
select finding_key from passing_finding($f) where check_id = $check and suppressed is null

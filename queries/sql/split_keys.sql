-- Which images are in more than one split, by their key?
with
repeated as (
    -- Split and key together are unique: a key that occurs twice is in two splits.
    select key
    from selected_image($f)
    group by key
    having count(*) > 1
)
select
    key,
    string_agg(split, ', ' order by split) as splits,
    (select count(*) from repeated) as leaks
from selected_image($f)
where key in (select key from repeated order by key limit $limit)
group by key
order by key

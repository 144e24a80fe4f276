-- A random sample of each class: the first `sizes` records in the order of a hash of the seed and their
-- names. A larger sample holds the smaller one, and everybody who asks draws the same.
with
named as (
    select
        min(a.annotation_id) as item, i.split, i.key,
        coalesce(a.source_id, a.kind || ' ' || a.ordinal) as own,
        coalesce(first(a.label order by a.annotation_id), 'no class') as label
    from selected_annotation($f) a
    join image i on i.image_id = a.image_id
    group by i.image_id, i.split, i.key, own
),
drawn as (
    select *, md5_number_lower(concat_ws(chr(31), $seed::bigint, split, key, own)) as draw from named
),
wanted as (
    select unnest($labels::varchar[]) as label, unnest($sizes::bigint[]) as size
)
select d.item, d.label, md5_number_lower(concat_ws(chr(31), d.split, d.key, d.own)) as hash
from drawn d
join wanted w using (label)
qualify row_number() over (partition by d.label order by d.draw, d.item) <= w.size
order by d.draw, d.item

-- A random sample of each class: the first `sizes` records in the order of a hash of the seed and their
-- names. A larger sample holds the smaller one, and everybody who asks draws the same.
with
named as (
    select
        min(annotation_id) as item, image_id, coalesce(source_id, kind || ' ' || ordinal) as own,
        coalesce(first(label order by annotation_id), 'no class') as label
    from selected_annotation($f)
    group by image_id, own
),
wanted as (
    select
        unnest($labels::varchar[]) as label, unnest($sizes::bigint[]) as size,
        unnest($bounds::ubigint[]) as bound
),
drawn as (
    select
        n.item, n.image_id, n.own, n.label, w.size, w.bound,
        md5_number_lower(concat_ws(chr(31), $seed::bigint, i.split, i.key, n.own)) as draw
    from named n
    join wanted w using (label)
    join image i using (image_id)
)
select d.item, d.label, md5_number_lower(concat_ws(chr(31), i.split, i.key, d.own)) as hash
from drawn d
join image i using (image_id)
-- the hashes are spread evenly: those above the bound are none of the first, and need not be sorted
where d.draw <= d.bound
qualify row_number() over (partition by d.label order by d.draw, d.item) <= d.size
order by d.draw, d.item

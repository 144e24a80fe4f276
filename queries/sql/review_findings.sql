-- Which records have findings that are selected, each once with the gravest of them, the worst first?
-- `item` is an annotation's id, or minus an image's; where one id is given to several annotations, the first
-- one's, and `shown` is the one that was found. `hash` is of names, the same in every index.
with
named as (
    select
        image_id, annotation_id, split, key, finding_key, check_id, score,
        case when annotation_id is not null then coalesce(source_id, kind || ' ' || ordinal) end as own,
        case severity when 'error' then 0 when 'warning' then 1 else 2 end as rank
    from selected_finding($f)
    where image_id is not null and suppressed is null and ($check::varchar is null or check_id = $check)
),
worst as (
    from named
    qualify row_number() over (
        partition by image_id, own order by rank, score desc, check_id, finding_key, annotation_id
    ) = 1
),
first_named as (
    select a.image_id, coalesce(a.source_id, a.kind || ' ' || a.ordinal) as own, min(a.annotation_id) as item
    from annotation a
    where a.image_id in (select image_id from worst where own is not null)
    group by 1, 2
)
select
    coalesce(o.item, -w.image_id) as item, coalesce(w.annotation_id, -w.image_id) as shown, w.finding_key,
    md5_number_lower(concat_ws(chr(31), w.split, w.key, w.own)) as hash
from worst w
left join first_named o using (image_id, own)
order by w.rank, w.score desc, w.image_id, w.annotation_id nulls first

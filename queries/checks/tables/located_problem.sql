-- uses: reading_problem
-- The problems met while reading, as findings: one row each, with image, annotation and joint as far as its
-- locator or message tells them, and an `about` that is the same when the same files are indexed again.
create or replace table located_problem as
with
p as (
    select
        row_number() over () as n,
        r.*,
        r.kind = 'duplicate-annotation-id' as repeats,
        try_cast(regexp_extract(r.locator, '^\w+\[(\d+)\]', 1) as bigint) as position,
        regexp_extract(r.locator, '\(id (.*)\)$', 1) as own_id,
        -- a record's place in a list shifts when another one goes, its own id does not
        regexp_replace(r.locator, '^(\w+)\[\d+\] (\(id .*\))$', '\1 \2') as place,
        case
            when r.locator like 'annolist(%' then regexp_extract(r.locator, '^annolist\((\d+)\)', 1)
            when r.locator like 'joints, image %' then regexp_extract(r.locator, '^joints, image (\d+)$', 1)
            when r.locator like '[%' then regexp_extract(r.locator, '^\[\d+\] \((.*?)\)( |$)', 1)
        end as image_source,
        case
            when r.locator like 'images[%'
                then regexp_extract(r.locator, '^images\[\d+\]\.annotations\[\d+\] \((.*)\)$', 1)
        end as image_key,
        regexp_matches(r.locator, '^(line|person_)[ ]?\d+$') as file_is_image,
        case
            when r.locator like 'annolist(%'
                then regexp_extract(r.locator, '^annolist\((\d+)\)\.annorect\(', 1) || '/'
                    || regexp_extract(r.locator, '\.annorect\((\d+)\)', 1)
            when r.locator like '[%' then regexp_extract(r.locator, '^\[\d+\] \(.*?\) (.*)$', 1)
            when r.locator like 'person_%' then r.locator
        end as annotation_source,
        case
            when r.locator like 'line %'
                then try_cast(regexp_extract(r.locator, '^line (\d+)$', 1) as integer) - 1
            when d.format = 'hagrid'
                then try_cast(
                    regexp_extract(r.message, '^(?:(?:bboxes|labels|(?:hand_)?landmarks)\[|hand )(\d+)', 1)
                    as integer
                )
        end as ordinal,
        case
            when d.format = 'hagrid'
                then try_cast(
                    regexp_extract(r.message, '^(?:hand_)?landmarks\[\d+\]\[(\d+)\]', 1) as smallint
                )
        end as joint
    from reading_problem r, (select format from dataset where dataset_id = $dataset) d
),
i as (
    select image_id, file_id, key, source_id
    from image
    where dataset_id = $dataset and file_id in (select file_id from p)
),
imaged as (
    select n, coalesce(min(image_id) filter (where known), min(image_id)) as image_id
    from (
        select n, image_id, true as known from p where image_id is not null
        union all
        select p.n, i.image_id, false from p join i on i.file_id = p.file_id and i.source_id = p.image_source
        union all
        select p.n, i.image_id, false from p join i on i.file_id = p.file_id and i.key = p.image_key
        union all
        select p.n, alone.image_id, false
        from p
        join (select file_id, min(image_id) as image_id from i group by file_id having count(*) = 1) alone
            on alone.file_id = p.file_id and p.file_is_image
    )
    group by n
),
a as (
    select annotation_id, image_id, source_id, ordinal
    from annotation
    where dataset_id = $dataset and kind = 'instance' and image_id in (select image_id from imaged)
),
-- Where an id is used again, the finding belongs to the record that repeats it, not to the first.
again as (
    select
        n, file_id, own_id,
        row_number() over (partition by file_id, own_id order by position) + 1 as turn,
        count(*) over (partition by file_id, own_id) + 1 as turns
    from p
    where repeats
),
same as (
    select
        a.annotation_id, a.image_id, i.file_id, a.source_id,
        row_number() over (partition by i.file_id, a.source_id order by a.annotation_id) as turn,
        count(*) over (partition by i.file_id, a.source_id) as turns
    from annotation a
    join i on i.image_id = a.image_id
    where a.dataset_id = $dataset and a.source_id in (select own_id from again)
),
annotated as (
    select n, image_id, annotation_id, 1 as trust from p where annotation_id is not null
    union all
    select g.n, s.image_id, s.annotation_id, 0
    from again g
    join same s on s.file_id = g.file_id and s.source_id = g.own_id and s.turn = g.turn and s.turns = g.turns
    union all
    select p.n, a.image_id, a.annotation_id, 2
    from p join imaged m on m.n = p.n join a on a.image_id = m.image_id and a.source_id = p.annotation_source
    union all
    -- an image that is in two files has its first file's annotations first
    select
        p.n,
        a.image_id,
        case when i.image_id is null then max(a.annotation_id) else min(a.annotation_id) end,
        3
    from p
    join imaged m on m.n = p.n
    join a on a.image_id = m.image_id and a.ordinal = p.ordinal
    left join i on i.image_id = m.image_id and i.file_id = p.file_id
    group by p.n, a.image_id, i.image_id
),
tied as (
    select n, arg_min(image_id, trust) as image_id, arg_min(annotation_id, trust) as annotation_id
    from annotated
    group by n
),
named as (
    select
        p.*,
        case
            when p.path is null or p.path = p.place then p.place
            when p.place = 'file' then p.path
            else p.path || ': ' || p.place
        end as where_
    from p
)
select
    p.kind,
    coalesce(t.image_id, m.image_id) as image_id,
    t.annotation_id,
    case when t.annotation_id is not null then p.joint end as joint,
    case
        when min(p.message) over one <> max(p.message) over one then p.where_ || ': ' || p.message
        else p.where_
    end as about,
    case
        when coalesce(t.image_id, m.image_id) is not null then p.message
        when p.path is null or p.path = p.locator then p.locator || ': ' || p.message
        when p.locator = 'file' then p.path || ': ' || p.message
        else p.path || ', ' || p.locator || ': ' || p.message
    end as detail,
    json_object('file', p.path, 'locator', p.locator) as evidence
from named p
left join imaged m on m.n = p.n
left join tied t on t.n = p.n
window one as (partition by p.kind, p.where_)

-- What every format needs once its records are in the index being built.

-- name: long_runs
-- The schema's table, still empty, with ids kept as runs of equal ones: where skeletons have many joints it is
-- written in a tenth less time and renumbered in a fifth of it. Short runs would pay for it in room.
create or replace table keypoint (
    annotation_id bigint not null using compression rle,
    joint         smallint not null,
    x             double,
    y             double,
    visibility    tinyint
);

-- name: memory_limit
select parse_formatted_bytes(current_setting('memory_limit')), current_setting('threads');

-- name: write_files
insert into source_file
select file_id, $dataset, path, split, bytes, mtime_ns, content_hash, 'read', null, null from listed_file;

-- name: file_status
update source_file set status = s.status, detail = s.detail
from (
    select unnest($file_id::bigint[]) as file_id, unnest($status::varchar[]) as status, unnest($detail::varchar[]) as detail
) s
where source_file.file_id = s.file_id;

-- name: repeated_keys
-- Images that share split and key: the first stays, and which it is. Where only some files have been read
-- anew ($files), the others' images share none with each other.
create or replace temp table repeated as
select image_id, kept_id, file_id, kept_file_id, key
from (
    select
        image_id, file_id, key,
        first_value(image_id) over same as kept_id,
        first_value(file_id) over same as kept_file_id
    from image
    where (split, key) in (
        select (split, key) from image
        where $files is null or key in (select key from image where list_contains($files::bigint[], file_id))
        group by split, key having count(*) > 1
    )
    window same as (partition by split, key order by image_id)
)
where image_id <> kept_id;

-- name: repeated_count
select count(*), count_if(file_id <> kept_file_id) from repeated;

-- name: report_repeated
insert into problem
select
    $dataset, r.file_id, r.key, 'duplicate-image-key',
    case when r.file_id = r.kept_file_id
        then 'the image stands twice in this file; its annotations are kept, as one image''s'
        else 'the image is also in ' || k.path || ', in the same split; its annotations are kept, as one image''s'
    end
from repeated r
join source_file k on k.file_id = r.kept_file_id;

-- name: move_annotations
update annotation set image_id = r.kept_id from repeated r where annotation.image_id = r.image_id;

-- name: drop_repeated
delete from image where image_id in (select image_id from repeated);

-- name: contents
-- Per annotation: how many joints are labelled and visible, and a digest of what it says, made of
-- integers so that it is the same everywhere and always: each coordinate in units of 1e-6 (pixels or
-- image sizes) times a weight of its own, the label's hash on top. It tells that an annotation has
-- changed, and is no proof against forgery.
create or replace temp table content as
select
    a.annotation_id,
    case
        when a.skeleton is null then null
        when k.flags > 0 then k.labelled
        else coalesce(k.given, 0)
    end as labelled,
    case when a.skeleton is not null and (k.flags > 0 or k.given is null and $flags) then coalesce(k.visible, 0) end as visible,
    (
        coalesce(md5_number_lower(a.label) % 4611686018427387847, 0)::hugeint
        + case when abs(a.x) < 1e7 then round(a.x * 1e6)::bigint else 1 end * 50021
        + case when abs(a.y) < 1e7 then round(a.y * 1e6)::bigint else 2 end * 50023
        + case when abs(a.w) < 1e7 then round(a.w * 1e6)::bigint else 3 end * 50033
        + case when abs(a.h) < 1e7 then round(a.h * 1e6)::bigint else 4 end * 50047
        + coalesce(k.total, 0)
    ) % 9223372036854775783 as digest
from annotation a
left join (
    select
        annotation_id,
        count(visibility) as flags,
        count(x) as given,
        count_if(visibility > 0) as labelled,
        count_if(visibility = 2) as visible,
        sum(
            case when abs(x) < 1e7 then round(x * 1e6)::bigint else 5 end * ((joint * 80021 + 7) % 65521)
            + case when abs(y) < 1e7 then round(y * 1e6)::bigint else 6 end * ((joint * 80039 + 11) % 65519)
            + coalesce(visibility, 9) * ((joint * 80051 + 13) % 65497)
        ) as total
    from keypoint
    group by annotation_id
) k using (annotation_id);

-- name: store_contents
update annotation set labelled = c.labelled, visible = c.visible, digest = c.digest
from content c where annotation.annotation_id = c.annotation_id;

-- name: unattached
-- Nothing may point into the void, and no id may stand twice: a reader with a mistake fails here, not on a
-- page. A bit an id counts distinct ones in a sixth of the usual time.
select
    (select count(*) - coalesce(bit_count(bitstring_agg(annotation_id)), 0) from annotation),
    (select count(*) - coalesce(bit_count(bitstring_agg(image_id)), 0) from image),
    (select count(*) from annotation where skeleton is not null and skeleton not in (select skeleton from joint));

-- name: unattached_annotations
select count(*) from annotation a anti join image i using (image_id);

-- name: unattached_keypoints
select count(*) from keypoint k anti join annotation a using (annotation_id);

-- name: without_gaps
-- Whether every number between the first and the last image's is an image's, as it mostly is, and so every
-- annotation's image in between; the same of annotations and keypoints: quicker than looking each of them up.
select
    i.last - i.first + 1 = i.n and coalesce(a.image_first >= i.first and a.image_last <= i.last, true),
    a.last - a.first + 1 = a.n and coalesce(k.first >= a.first and k.last <= a.last, true)
from (select min(image_id) as first, max(image_id) as last, count(*) as n from image) i,
    (
        select
            min(annotation_id) as first, max(annotation_id) as last, count(*) as n,
            min(image_id) as image_first, max(image_id) as image_last
        from annotation
    ) a,
    (select min(annotation_id) as first, max(annotation_id) as last from keypoint) k;

-- name: summary
select
    (select count(*) from image) as images,
    (select count(*) from annotation) as annotations,
    (select count(*) from keypoint) as keypoints,
    (select count(distinct subject) from image) as subjects,
    (select count(*) from source_file where status in ('read', 'tolerant')) as files,
    (select count(*) from annotation where kind = 'united') as united;

-- name: problems
select kind, count(*) from problem group by kind order by kind;

-- name: count_records
update source_file set records = c.n
from (select file_id, count(*) as n from image group by file_id) c
where source_file.file_id = c.file_id;

-- An index brought up to date in a copy of the old one. The rows of files that are as they were stay; those
-- of others go; what was read of new and changed ones, in a small index of its own attached as `fresh`, comes
-- in. All ids become what a whole new build would have given: the ids of a file's images are one block, those
-- of its instances and of its united boxes too, and the blocks follow each other in the order of the files.

-- name: identity
select format, reader_version, schema_version, options, epoch_ns(indexed_at), seconds from dataset;

-- name: files
select file_id, path, split, bytes, mtime_ns, content_hash, status, detail from source_file order by file_id;

-- name: unreadable
-- What the walk could not look into.
select message from problem where file_id is null order by message;

-- name: entangled
-- The files whose images stand in several places: their annotations hang on one row now, and only the files
-- tell where they were.
select distinct file_id from problem where kind = 'duplicate-image-key' and file_id is not null
union
select i.file_id
from problem p
join source_file f on f.file_id = p.file_id
join image i on i.key = p.locator and i.split = coalesce(f.split, 'unsplit')
where p.kind = 'duplicate-image-key';

-- name: stored
-- Rows that the tables hold, those deleted included, against rows that are there.
select
    (select sum(count) from pragma_storage_info('keypoint') where column_name = 'joint' and segment_type = 'SMALLINT')
    + (select sum(count) from pragma_storage_info('annotation') where column_name = 'ordinal' and segment_type = 'INTEGER'),
    (select count(*) from keypoint) + (select count(*) from annotation);

-- name: narrower
-- Whether the numbers read do not fit in here: coordinates that are all float32s are kept as such.
select count(*)
from duckdb_columns() here
join duckdb_columns() read using (table_name, column_name)
where here.database_name = current_database() and read.database_name = 'fresh' and table_name = 'keypoint'
    and here.data_type = 'FLOAT' and read.data_type = 'DOUBLE';

-- name: free_blocks
select free_blocks / greatest(total_blocks, 1), total_blocks from pragma_database_size() where database_name = current_database();

-- name: file_map
create or replace temp table file_map (before bigint, now bigint);

-- name: spans
-- The blocks of ids: as they are, here and in the fresh index, and as they will be.
create or replace temp table span as
select
    *,
    case when file_id is not null then
        $base + 1 + coalesce(
            sum(n) over (
                partition by kind = 'image', file_id is null
                order by kind, file_id
                rows between unbounded preceding and 1 preceding
            ), 0)
    end as first_now
from (
    select 'kept' as origin, m.now as file_id, s.file_id as file_before, s.kind, s.first, s.last, s.n
    from (
        select file_id, 'image' as kind, min(image_id) as first, max(image_id) as last, count(*) as n
        from image where $own_images group by file_id
        union all
        select i.file_id, a.kind, min(a.annotation_id), max(a.annotation_id), count(*)
        from annotation a join image i using (image_id)
        group by i.file_id, a.kind
    ) s
    left join file_map m on m.before = s.file_id
    union all
    select 'fresh', file_id, file_id, 'image', min(image_id), max(image_id), count(*)
    from fresh.image where $own_images group by file_id
    union all
    select 'fresh', i.file_id, i.file_id, a.kind, min(a.annotation_id), max(a.annotation_id), count(*)
    from fresh.annotation a join fresh.image i using (image_id)
    group by i.file_id, a.kind
);

-- name: misplaced
-- How many of the blocks that stay have holes or lie in each other, which no build makes.
select count(*)
from (
    select
        last - first + 1 <> n
        or first <= coalesce(lag(last) over (partition by origin, kind = 'image' order by first), $base) as misplaced
    from span
    where file_id is not null
)
where misplaced;

-- name: moves
-- Runs of blocks that move by as much; the ids between them are of files that are gone.
select min(first), max(last), shift
from (
    select *, sum((shift is distinct from former)::int) over (order by first) as run
    from (
        select first, last, first_now - first as shift, lag(first_now - first) over (order by first) as former
        from span
        where origin = 'kept' and file_id is not null and kind <> 'image'
    )
)
where shift <> 0
group by run, shift
order by 1;

-- name: gone_annotations
create or replace temp table gone_annotation as
select annotation_id
from annotation
where image_id in (select image_id from image where file_id not in (select before from file_map));

-- name: delete_keypoints
delete from keypoint where annotation_id in (select annotation_id from gone_annotation);

-- name: delete_annotations
delete from annotation where annotation_id in (select annotation_id from gone_annotation);

-- name: delete_images
delete from image where file_id not in (select before from file_map);

-- name: delete_problems
-- Those of the files that are gone, and those that follow from all files: they are told anew.
delete from problem
where file_id is null
    or file_id not in (select before from file_map)
    or list_contains($governing::bigint[], file_id)
    or kind in ('duplicate-image-key', 'image-missing');

-- name: move_map
-- Where the blocks that move are too many to be told apart by comparing: each id and its new one.
create or replace temp table moved as
select a.annotation_id as before, a.annotation_id - s.first + s.first_now as now
from annotation a
join image i using (image_id)
join span s on s.origin = 'kept' and s.file_before = i.file_id and s.kind = a.kind
where s.first_now <> s.first;

-- name: move_keypoints
update keypoint set annotation_id = m.now from moved m where keypoint.annotation_id = m.before;

-- name: move_annotations
update annotation set annotation_id = m.now from moved m where annotation.annotation_id = m.before;

-- name: image_map
create or replace temp table moved_image as
select i.image_id as before, i.image_id - s.first + s.first_now as now
from image i
join span s on s.origin = 'kept' and s.file_before = i.file_id and s.kind = 'image'
where s.first_now <> s.first;

-- name: listed_image_map
-- The fresh index lists all images, with the ids that they are to have; a label file has one of them.
create or replace temp table moved_image as
select o.image_id as before, n.image_id as now
from image o
join file_map m on m.before = o.file_id and not list_contains($governing::bigint[], o.file_id)
join fresh.image n on n.file_id = m.now
where o.image_id <> n.image_id;

-- name: move_images
update image set image_id = m.now from moved_image m where image.image_id = m.before;

-- name: move_to_images
update annotation set image_id = m.now from moved_image m where annotation.image_id = m.before;

-- name: drop_images
delete from image;

-- name: move_image_files
update image set file_id = m.now from file_map m where image.file_id = m.before and m.before <> m.now;

-- name: move_problem_files
update problem set file_id = m.now from file_map m where problem.file_id = m.before and m.before <> m.now;

-- name: fresh_annotations
create or replace temp table fresh_id as
select a.annotation_id as before, a.annotation_id - s.first + s.first_now as now, i.image_id as image_before, i.file_id
from fresh.annotation a
join fresh.image i using (image_id)
join span s on s.origin = 'fresh' and s.file_id = i.file_id and s.kind = a.kind;

-- name: fresh_images
create or replace temp table fresh_image as
select i.image_id as before, case when $own_images then i.image_id - s.first + s.first_now else i.image_id end as now
from fresh.image i
left join span s on s.origin = 'fresh' and s.file_id = i.file_id and s.kind = 'image';

-- name: add_images
insert into image
select i.* replace (m.now as image_id) from fresh.image i join fresh_image m on m.before = i.image_id order by m.now;

-- name: add_annotations
insert into annotation
select a.* replace (m.now as annotation_id, i.now as image_id)
from fresh.annotation a
join fresh_id m on m.before = a.annotation_id
join fresh_image i on i.before = a.image_id
order by m.now;

-- name: add_keypoints
insert into keypoint
select k.* replace (m.now as annotation_id)
from fresh.keypoint k
join fresh_id m on m.before = k.annotation_id
order by m.now, k.joint;

-- name: add_problems
insert into problem select * from fresh.problem;

-- name: forget
-- What a build writes anew whatever was read.
delete from source_file; delete from joint; delete from bone; delete from dataset;

-- name: restate
update source_file set bytes = $bytes, mtime_ns = $mtime_ns where file_id = $file_id;

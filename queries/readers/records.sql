-- name: stage
-- Records that a reader took apart itself, as it wrote them: one image a line with its instances.
create or replace temp table raw as
select *
from read_json(
    $paths,
    columns = {
        file_id: 'BIGINT',
        key: 'VARCHAR',
        file_name: 'VARCHAR',
        split: 'VARCHAR',
        width: 'INTEGER',
        height: 'INTEGER',
        source_id: 'VARCHAR',
        subject: 'VARCHAR',
        attributes: 'JSON',
        instances: 'STRUCT(source_id VARCHAR, label VARCHAR, skeleton VARCHAR, box DOUBLE[], area DOUBLE, crowd BOOLEAN, points DOUBLE[][], attributes JSON, locator VARCHAR)[]'
    },
    format = 'newline_delimited',
    maximum_object_size = 268435456
);

-- name: instances
create or replace temp table instance as
select
    rowid as image_row,
    file_id,
    key,
    generate_subscripts(instances, 1) - 1 as ordinal,
    unnest(instances) as r
from raw;

-- name: images
insert into image
select
    $first_image + rowid, $dataset, file_id, source_id, key, file_name, coalesce(split, 'unsplit'), width, height,
    subject, null, null, null, attributes
from raw;

-- name: keypoints
insert into keypoint
select
    annotation_id,
    joint::smallint,
    case when isfinite(p[1]) then p[1] end,
    case when isfinite(p[2]) then p[2] end,
    case when p[3] = trunc(p[3]) and p[3] between -128 and 127 then p[3]::tinyint end
from (
    select
        $first_annotation + rowid as annotation_id,
        generate_subscripts(r.points, 1) - 1 as joint,
        unnest(r.points) as p
    from instance
);

-- name: annotations
insert into annotation
select
    $first_annotation + rowid, $dataset, $first_image + image_row, r.source_id, ordinal, 'instance', r.label,
    case when isfinite(r.box[1]) then r.box[1] end,
    case when isfinite(r.box[2]) then r.box[2] end,
    case when isfinite(r.box[3]) then r.box[3] end,
    case when isfinite(r.box[4]) then r.box[4] end,
    case when isfinite(r.area) then r.area end,
    coalesce(r.crowd, false), r.skeleton, null, null, null, null, r.attributes
from instance;

-- name: problems
insert into problem
select $dataset, file_id, locator, p.kind, p.message
from (
    select
        file_id,
        coalesce(r.locator, key) as locator,
        unnest(list_filter(
            [
                case when not (isfinite(r.box[1]) and isfinite(r.box[2]) and isfinite(r.box[3]) and isfinite(r.box[4])) then
                    {kind: 'non-finite-coordinate', message: 'the box is ' || r.box::varchar || ', expected finite numbers'}
                when r.box[3] < 0 or r.box[4] < 0 then
                    {kind: 'negative-size', message: 'the box is ' || r.box::varchar || ': a width or height below 0'} end,
                case when len(list_filter(r.points, lambda p: not (isfinite(p[1]) and isfinite(p[2])))) > 0 then
                    {kind: 'non-finite-coordinate', message: len(list_filter(r.points, lambda p: not (isfinite(p[1]) and isfinite(p[2]))))
                        || ' keypoints have coordinates that are not finite numbers'} end,
                case when len(list_filter(r.points, lambda p: p[3] <> trunc(p[3]))) > 0 then
                    {kind: 'visibility-invalid', message: len(list_filter(r.points, lambda p: p[3] <> trunc(p[3])))
                        || ' visibility flags are not whole numbers, expected 0, 1 or 2'} end
            ],
            lambda q: q is not null
        )) as p
    from instance
);

-- name: counts
select (select count(*) from raw), (select count(*) from instance);

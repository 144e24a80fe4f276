-- name: listed_image
-- Every image, whether it has a label file or not: then its file_id is one that no file has.
create temp table listed_image as
select
    $first_image + row_number() over () - 1 as image_id, file_id, key, case when has_image then key end as file_name, split
from (
    select
        unnest($file_id::bigint[]) as file_id, unnest($key::varchar[]) as key,
        unnest($has_image::boolean[]) as has_image, unnest($split::varchar[]) as split
);

-- name: lines
-- The numbers of every label line. A line with a token that is no number keeps the others in place.
create or replace temp table row_ as
select
    file_id,
    line,
    text,
    coalesce(
        try_cast(string_split(text, ' ') as double[]),
        list_transform(string_split(text, ' '), lambda t: try_cast(t as double))
    ) as n
from (
    select file_id, unnest(lines) as text, generate_subscripts(lines, 1) - 1 as line
    from (
        select unnest($file_ids::bigint[]) as file_id, string_split(unnest(string_split($text, chr(30))), chr(10)) as lines
    )
)
where text <> '';

-- name: images
insert into image
select
    image_id, $dataset, greatest(file_id, 1), null, key, file_name, coalesce(split, 'unsplit'), null, null, null, null, null, null, null
from listed_image;

-- name: instances
-- A line of fewer than five numbers has no box and is no instance; it is reported. An annotation's id is
-- its row's number here, so the rows are in order.
create or replace temp table instance as
select
    i.image_id,
    r.file_id,
    r.line,
    r.n,
    c.name as label,
    len(r.n) = 5 + $joints * $dims as fits
from row_ r
join listed_image i using (file_id)
left join class c on c.number = r.n[1]
where len(r.n) >= 5
order by r.rowid;

-- name: keypoints
insert into keypoint
select
    annotation_id,
    j::smallint,
    case when isfinite(xs) then xs end,
    case when isfinite(ys) then ys end,
    case when vs = trunc(vs) and vs between -128 and 127 then vs::tinyint end
from (
    select
        annotation_id, j,
        n[6 + j * $dims] as xs,
        n[7 + j * $dims] as ys,
        case when $dims = 3 then n[8 + j * $dims] end as vs
    from (
        select $first_annotation + rowid as annotation_id, n, unnest(range($joints)) as j from instance where fits
    )
);

-- name: annotations
-- The source gives the box's centre; the schema, its top-left corner.
insert into annotation
select
    $first_annotation + rowid, $dataset, image_id, null, line, 'instance', label,
    case when isfinite(n[2] - n[4] / 2) then n[2] - n[4] / 2 end,
    case when isfinite(n[3] - n[5] / 2) then n[3] - n[5] / 2 end,
    case when isfinite(n[4]) then n[4] end,
    case when isfinite(n[5]) then n[5] end,
    null, false, $skeleton, null, null, null, null,
    case
        when not fits then json_object('class', n[1], 'numbers', list_slice(n, 6, len(n)))
        when label is null then json_object('class', n[1])
    end
from instance;

-- name: problems
insert into problem
select $dataset, file_id, 'line ' || (line + 1), p.kind, p.message
from (
    select
        r.file_id,
        r.line,
        unnest(list_filter(
            [
                case when len(r.n) < 5 then
                    {kind: 'record-malformed', message: 'the line has ' || len(r.n) || ' numbers, expected class, box and keypoints'}
                when len(r.n) <> 5 + $joints * $dims then
                    {kind: 'wrong-joint-count', message: 'the line has ' || (len(r.n) - 5) || ' keypoint numbers, expected ' || ($joints * $dims) || '; kept as an attribute'} end,
                case when list_contains(list_transform(r.n, lambda v: v is null), true) then
                    {kind: 'field-type', message: 'the line holds "' || left(list_filter(string_split(r.text, ' '), lambda t: try_cast(t as double) is null)[1], 40) || '", expected a number'} end,
                case when list_contains(list_transform(r.n, lambda v: not isfinite(v)), true) then
                    {kind: 'non-finite-coordinate', message: 'the line holds numbers that are not finite'} end,
                case when r.n[4] < 0 or r.n[5] < 0 then
                    {kind: 'negative-size', message: 'the box is ' || r.n[4] || ' x ' || r.n[5] || ': a width or height below 0'} end,
                case when c.number is null and r.n[1] is not null then
                    {kind: 'unknown-label', message: 'class ' || case when r.n[1] = trunc(r.n[1]) and abs(r.n[1]) < 1e9 then r.n[1]::bigint::varchar else r.n[1]::varchar end || ' is not in data.yaml''s names'} end,
                case when $dims = 3 and len(r.n) = 5 + $joints * $dims
                    and list_contains(list_transform(list_slice(r.n, 8, len(r.n), 3), lambda v: v <> trunc(v)), true) then
                    {kind: 'visibility-invalid', message: 'a visibility flag is not a whole number, expected 0, 1 or 2'} end
            ],
            lambda q: q is not null
        )) as p
    from row_ r
    left join class c on c.number = r.n[1]
);

-- name: count
select count(*) from instance;

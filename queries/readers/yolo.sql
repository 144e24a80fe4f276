-- name: images
-- Every image listed, whether it has a label file or not: then its file_id is below 0.
insert into image
select
    image_id, $dataset, greatest(file_id, 1), null, key, case when has_image = 1 then key end, coalesce(split, 'unsplit'),
    null, null, null, null, null, null, null
from listed_image;

-- name: lines
-- The numbers of every label line, which is kept itself where a token is no number: then the others stay
-- in place. `instance` counts the lines that are one, in order; it is NULL where a line is none: with fewer
-- than five numbers it has no box, and is reported.
create or replace temp table row_ as
select
    file_id, image_id, line, text, n, label, known,
    case when is_instance then sum(is_instance::integer) over (rows unbounded preceding) end as instance
from (
    select *, len(n) >= 5 as is_instance
    from (
        select
            file_id, image_id, line, text, n,
            list_position($numbers::double[], n[1]) as known,
            ($names::varchar[])[list_position($numbers::double[], n[1])] as label
        from (
            select
                file_id, image_id, line, n,
                case when list_count(n) <> len(n) then text end as text
            from (
                select file_id, image_id, line, text, try_cast(string_split(text, ' ') as double[]) as n
                from (
                    select file_id, image_id, unnest(lines) as text, generate_subscripts(lines, 1) - 1 as line
                    from (select file_id, image_id, string_split(text, chr(10)) as lines from label_batch)
                )
                where text <> ''
            )
        )
    )
);

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
        select $before + instance as annotation_id, n, unnest(range($joints)) as j
        from row_
        where instance is not null and len(n) = 5 + $joints * $dims
    )
);

-- name: annotations
-- The source gives the box's centre; the schema, its top-left corner.
insert into annotation
select
    $before + instance, $dataset, image_id, null, line, 'instance', label,
    case when isfinite(n[2] - n[4] / 2) then n[2] - n[4] / 2 end,
    case when isfinite(n[3] - n[5] / 2) then n[3] - n[5] / 2 end,
    case when isfinite(n[4]) then n[4] end,
    case when isfinite(n[5]) then n[5] end,
    null, false, $skeleton, null, null, null, null,
    case
        when len(n) <> 5 + $joints * $dims then json_object('class', n[1], 'numbers', list_slice(n, 6, len(n)))
        when label is null then json_object('class', n[1])
    end
from row_
where instance is not null;

-- name: problems
insert into problem
select $dataset, file_id, 'line ' || (line + 1), p.kind, p.message
from (
    select
        file_id,
        line,
        unnest(list_filter(
            [
                case when len(n) < 5 then
                    {kind: 'record-malformed', message: 'the line has ' || len(n) || ' numbers, expected class, box and keypoints'}
                when len(n) <> 5 + $joints * $dims then
                    {kind: 'wrong-joint-count', message: 'the line has ' || (len(n) - 5) || ' keypoint numbers, expected ' || ($joints * $dims) || '; kept as an attribute'} end,
                case when list_contains(list_transform(n, lambda v: v is null), true) then
                    {kind: 'field-type', message: 'the line holds "' || left(list_filter(string_split(text, ' '), lambda t: try_cast(t as double) is null)[1], 40) || '", expected a number'} end,
                case when list_contains(list_transform(n, lambda v: not isfinite(v)), true) then
                    {kind: 'non-finite-coordinate', message: 'the line holds numbers that are not finite'} end,
                case when n[4] < 0 or n[5] < 0 then
                    {kind: 'negative-size', message: 'the box is ' || n[4] || ' x ' || n[5] || ': a width or height below 0'} end,
                case when known is null and n[1] is not null then
                    {kind: 'unknown-label', message: 'class ' || case when n[1] = trunc(n[1]) and abs(n[1]) < 1e9 then n[1]::bigint::varchar else n[1]::varchar end || ' is not in data.yaml''s names'} end,
                case when $dims = 3 and len(n) = 5 + $joints * $dims
                    and list_contains(list_transform(list_slice(n, 8, len(n), 3), lambda v: v <> trunc(v)), true) then
                    {kind: 'visibility-invalid', message: 'a visibility flag is not a whole number, expected 0, 1 or 2'} end
            ],
            lambda q: q is not null
        )) as p
    from row_
    -- few lines have any, and these tell quickly which may
    where len(n) <> 5 + $joints * $dims or text is not null or known is null or not isfinite(list_sum(n))
        or n[4] < 0 or n[5] < 0
        or $dims = 3 and list_contains(list_transform(list_slice(n, 8, len(n), 3), lambda v: v <> trunc(v)), true)
);

-- name: count
select count(instance) from row_;

-- name: unnamed_classes
update problem set message = replace(message, 'is not in data.yaml''s names', 'has no name: the conversion writes none')
where kind = 'unknown-label';
